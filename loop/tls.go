package loop

import (
	"crypto/tls"
	"errors"
	"slices"
)

// TLS is how connections are encrypted: what [NewTLS] has made of a tls.Config.
// It is immutable and safe for concurrent use.
type TLS struct{ config *tls.Config }

// errNoCertificate is a tls.Config that can't serve.
var errNoCertificate = errors.New("tls.Config has no certificate: set Certificates, GetCertificate or GetConfigForClient")

// NewTLS prepares config for connections of an Engine. It takes a copy, so it
// also forgets session ticket keys that are set later; GetConfigForClient can
// return a config with new ones.
//
// Without NextProtos, "http/1.1" is set. "h2" is taken out, because a loop
// speaks no HTTP/2, also from what GetConfigForClient returns. Records are as
// large as possible from the start (DynamicRecordSizingDisabled): a message is
// of use only as a whole.
func NewTLS(config *tls.Config) (*TLS, error) {
	if config == nil || len(config.Certificates) == 0 && config.GetCertificate == nil && config.GetConfigForClient == nil {
		return nil, errNoCertificate
	}
	config = forLoops(config)
	if choose := config.GetConfigForClient; choose != nil {
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			chosen, err := choose(hello)
			if chosen == nil || err != nil || len(chosen.NextProtos) > 0 && !slices.Contains(chosen.NextProtos, "h2") {
				return chosen, err
			}
			return forLoops(chosen), nil
		}
	}
	return &TLS{config}, nil
}

// forLoops returns a copy of config with which clients speak HTTP/1.1.
func forLoops(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.NextProtos = slices.DeleteFunc(slices.Clone(config.NextProtos), func(proto string) bool { return proto == "h2" })
	if len(config.NextProtos) == 0 {
		config.NextProtos = []string{"http/1.1"}
	}
	config.DynamicRecordSizingDisabled = true
	return config
}

// secured is a socket that may be encrypted in this process.
type secured interface {
	// connectionState returns nil without TLS.
	connectionState() *tls.ConnectionState
	secure() bool
}

// Secure reports whether c is a TLS connection.
func (c *Conn) Secure() bool {
	s, ok := c.sock.(secured)
	return ok && s.secure()
}

// TLS returns the state of a TLS connection, and nil for any other. For a
// *tls.Conn that was adopted, it must not be called before Data: it waits for
// the handshake.
func (c *Conn) TLS() *tls.ConnectionState {
	c.loop.own("Conn.TLS")
	if s, ok := c.sock.(secured); ok {
		return s.connectionState()
	}
	return nil
}
