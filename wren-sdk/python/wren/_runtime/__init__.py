"""The platform's side of a session inside the interpreter. Scripts have no reason to import it."""
