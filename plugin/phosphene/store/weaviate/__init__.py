"""The store on a server: a collection of Weaviate, on one node or a cluster."""
