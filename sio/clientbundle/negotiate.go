package clientbundle

// negotiate chooses the coding for an Accept-Encoding header.
func negotiate(accept string) string {
	return identity
}
