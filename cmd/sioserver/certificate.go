package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/sioserver/sioserver/cmd/sioserver/settings"
)

// certificate is what the files of -tls-cert and -tls-key have, or had when
// they were last valid. It is safe for concurrent use.
type certificate struct {
	files settings.TLS
	now   atomic.Pointer[tls.Certificate]
}

// load reads the files. What was read before stays if they are not valid.
func (c *certificate) load() error {
	pair, err := tls.LoadX509KeyPair(c.files.Cert, c.files.Key)
	if err != nil {
		return fmt.Errorf("-tls-cert %s, -tls-key %s: %w", c.files.Cert, c.files.Key, err)
	}
	c.now.Store(&pair)
	return nil
}

// config returns the configuration of connections, after load. Certificates of
// clients are verified if there is a file with their authorities.
func (c *certificate) config() (*tls.Config, error) {
	cfg := &tls.Config{
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.now.Load(), nil },
	}
	if c.files.ClientCA == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(c.files.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("-tls-client-ca: %w", err)
	}
	cfg.ClientCAs = x509.NewCertPool()
	if !cfg.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("-tls-client-ca " + c.files.ClientCA + ": there is no certificate in PEM")
	}
	cfg.ClientAuth = tls.RequireAndVerifyClientCert
	return cfg, nil
}

// loadTLS reads what -tls-cert and the flags beside it name, if they are set.
func (p *program) loadTLS() (err error) {
	if p.TLS.Cert == "" {
		return nil
	}
	p.certificate = &certificate{files: p.TLS}
	if err := p.certificate.load(); err != nil {
		return err
	}
	p.tls, err = p.certificate.config()
	return err
}

// reload loads the certificate with each signal until the channel is closed. A
// program without one ignores signals: "systemctl reload" would end it.
func (p *program) reload(signals <-chan os.Signal) {
	for range signals {
		if p.certificate == nil {
			p.log.Info("there is nothing to read again without -tls-cert")
			continue
		}
		if err := p.certificate.load(); err != nil {
			p.log.Error("the certificate was not read again; the old one stays", "error", err)
			continue
		}
		p.log.Info("the certificate was read again")
	}
}
