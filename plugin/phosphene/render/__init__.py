"""Showing pictures: sheets, animations, in a terminal and as a page.

Takes pictures, captions and scores; knows nothing of libraries, searches or generators.
"""
