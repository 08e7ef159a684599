"""Pictures of finished values: ladder, octets, roles. Each has a text form."""
