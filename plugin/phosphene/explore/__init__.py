"""Ways to look at a library as a whole: walks between queries, maps, and families of images."""
