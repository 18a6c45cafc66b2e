"""The embedded store, which consists of LanceDB tables in a folder."""
