"""The networks. They know nothing of libraries, stores and the files of users."""
