"""Looking at a library as a whole: walks between ideas and maps of the space."""
