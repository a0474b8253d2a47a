"""Every door in: HTTP, pages, the command line; `api.wiring` alone joins the parts."""
