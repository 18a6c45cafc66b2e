"""The networks themselves. Nothing here knows of libraries, stores or files of users."""
