"""Whether what a search found is relevant, or only the nearest of what there is.

A cosine alone does not say that. Models differ in how high their cosines are, pictures in how near they are
to every text, and a model puts also a text that it never learnt somewhere. So `scale` compares each cosine
with those of random queries to the same picture, `background` makes these, and `judging` judges hits.
"""
