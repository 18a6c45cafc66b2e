"""The library of the trials holds the expected images."""

from trial import GENERATED, PICTURES, Trial


def test_a_trial_has_a_library_of_drawn_and_generated_pictures(trial: Trial) -> None:
    [status] = trial.lines("status")
    assert (status["imported"], status["generated"]) == (PICTURES, GENERATED)
    assert len(trial.generated()) == GENERATED
    assert len(list(trial.pictures.glob("*.png"))) == PICTURES
