"""People of the house and holders sign in: session cookie, CSRF, invitations."""
