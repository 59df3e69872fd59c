"""The phrase base: context-reply pairs, their embeddings and the FAISS indexes over both."""
