"""Who acts and who may: identities and their keys."""
