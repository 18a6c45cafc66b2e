"""Finds pictures that are copies of each other: resized, compressed again, or cropped a little.

`pairs` finds pairs whose vectors are near, `pixels` compares their thumbnails, because pictures of the same
thing are near to each other too, and `groups` joins what is left. `folded` does so among hits.
"""
