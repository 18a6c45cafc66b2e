"""The graph that ComfyUI writes into its pictures as `prompt`.

`SaveImage` in ComfyUI's `nodes.py` writes a JSON object of nodes, by their ids:

    {"3": {"class_type": "KSampler", "inputs": {"seed": 5, "positive": ["6", 0], …}}, …}

An input is a value, or a link: the id of another node and the number of its output.

The prompt is nowhere in the graph as such. It is found from the first sampler along its links: nodes of the
community have other names, but mostly the same inputs. A stranger may have written the graph, so it may have
cycles, links to nothing, and values of any type.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import PureWindowsPath
from typing import Any

from phosphene.fields import NONE, Fields
from phosphene.metadata.values import checked, json_object

MOST_NODES = 2_000  # that are looked at. Large workflows have some hundred
MOST_SAMPLERS = 16  # among which the first one is looked for
SEEDS, GUIDANCE = ("seed", "noise_seed"), ("cfg", "guidance")
MODELS, OTHER_MODELS = ("ckpt_name", "unet_name"), ("model_name", "model")
TEXTS = ("text", "text_g", "text_l", "clip_l", "t5xxl", "prompt", "string", "value")
PARTS = ("text_", "string_", "conditioning")  # how the inputs of nodes begin that join others
NOTHING = "ConditioningZeroOut"  # the node that makes an empty negative prompt of the prompt

Inputs = dict[str, Any]
Nodes = dict[str, Inputs]


def read(prompt: str) -> Fields:
    """The fields in a graph: those of the sampler that begins the picture, and of what leads to it."""
    nodes = _nodes(json_object(prompt))
    sampler = _first_sampler(nodes)
    if sampler is None:
        return NONE
    inputs = [nodes[id] for id in _upstream(nodes, sampler, _links)]
    model = _nearest(inputs, MODELS) or _nearest(inputs, OTHER_MODELS)
    return checked(
        {
            "prompt": _words(nodes, sampler, "positive"),
            "negative": _words(nodes, sampler, "negative"),
            "model": PureWindowsPath(model).stem if isinstance(model, str) else None,  # it knows / and \\
            "sampler": _nearest(inputs, ("sampler_name",)),
            "seed": _nearest(inputs, SEEDS),
            "steps": _nearest(inputs, ("steps",)),
            "guidance": _nearest(inputs, GUIDANCE),
        }
    )


def _nodes(graph: Inputs) -> Nodes:
    """The inputs of each node. Nodes that make nothing of a prompt have none."""
    nodes: Nodes = {}
    for id, node in list(graph.items())[:MOST_NODES]:
        inputs = node.get("inputs") if isinstance(node, dict) else None
        nodes[id] = inputs if isinstance(inputs, dict) and node.get("class_type") != NOTHING else {}
    return nodes


def _first_sampler(nodes: Nodes) -> str | None:
    """The sampler that no other one leads to. A second one refines or enlarges what the first has made."""
    samplers = [id for id, inputs in nodes.items() if _is_sampler(inputs)][:MOST_SAMPLERS]
    for id in samplers:
        if not set(_upstream(nodes, id, _links)).intersection(samplers) - {id}:
            return id
    return next(iter(samplers), None)


def _is_sampler(inputs: Inputs) -> bool:
    return "latent_image" in inputs and ("positive" in inputs or "guider" in inputs)


def _upstream(nodes: Nodes, start: str, links: Callable[[Inputs], Iterable[str]]) -> Iterator[str]:
    """The node and those that lead to it, the nearest first, and each of them once."""
    waiting, seen = deque([start]), {start}
    while waiting:
        id = waiting.popleft()
        yield id
        further = [link for link in links(nodes[id]) if link in nodes and link not in seen]
        seen.update(further)
        waiting.extend(dict.fromkeys(further))


def _links(inputs: Inputs) -> Iterator[str]:
    return (link for value in inputs.values() if (link := _link(value)) is not None)


def _link(value: object) -> str | None:
    """The id of the node to which a value links, or None if it is no link."""
    is_link = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int)
    return str(value[0]) if is_link and isinstance(value, list) else None


def _nearest(nearest_first: Iterable[Inputs], names: Iterable[str]) -> object:
    """The first value of one of these names that is no link."""
    known = list(names)
    found = (inputs[name] for inputs in nearest_first for name in known if name in inputs)
    return next((value for value in found if isinstance(value, str | int | float)), None)


def _words(nodes: Nodes, sampler: str, side: str) -> str | None:
    """The texts that lead to the `positive` or the `negative` input of a sampler, or of its guider."""
    guider = nodes.get(_link(nodes[sampler].get("guider")) or "", {})
    asked = {**guider, **nodes[sampler]}
    start = _link(asked.get(side)) or (_link(asked.get("conditioning")) if side == "positive" else None)
    if start not in nodes:
        return None
    reached = _upstream(nodes, start, lambda inputs: _conditioning(inputs, side))
    return "\n".join(dict.fromkeys(text for id in reached for text in _texts(nodes[id]))) or None


def _conditioning(inputs: Inputs, side: str) -> Iterator[str]:
    """The links of a node along which a prompt comes. A node that has its text needs no other."""
    if _texts(inputs):
        return
    for name, value in inputs.items():
        passes = name == side or name in TEXTS or name.startswith(PARTS) or len(inputs) == 1
        if passes and (link := _link(value)) is not None:
            yield link


def _texts(inputs: Inputs) -> list[str]:
    return [inputs[name] for name in TEXTS if isinstance(inputs.get(name), str) and inputs[name].strip()]
