package sio

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// certificatesCheck is how often the files are looked at, at most.
const certificatesCheck = 10 * time.Second

// Certificates is a certificate that is read from files again when they have
// changed. Its Get is for GetCertificate of [Config.TLS]. New connections get
// the new certificate; open ones stay as they are. Safe for concurrent use.
//
// A handshake looks at the files if that was not done in the last ten seconds;
// there is no goroutine. If they can't be read, or do not fit each other, as
// when only one of them is replaced yet, the last certificate stays in use, and
// the next look tries again.
type Certificates struct {
	certFile, keyFile string
	onError           func(error)

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	read    [2]fileState // of what current was made of
	looked  time.Time
}

// fileState changes when a file is written or replaced.
type fileState struct {
	modified time.Time
	size     int64
}

// LoadCertificates reads the certificate chain and the key, both in PEM.
// onError, unless nil, is called when they can't be read again, on the goroutine
// of a handshake.
func LoadCertificates(certFile, keyFile string, onError func(error)) (*Certificates, error) {
	c := &Certificates{certFile: certFile, keyFile: keyFile, onError: onError}
	if err := c.Reload(); err != nil {
		return nil, err
	}
	return c, nil
}

// Get returns the certificate that is current.
func (c *Certificates) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	var err error
	if now := time.Now(); now.Sub(c.looked) >= certificatesCheck {
		c.looked = now
		var state [2]fileState
		if state, err = c.stat(); err == nil && state != c.read {
			err = c.load(state)
		}
	}
	current := c.current
	c.mu.Unlock()
	if err != nil && c.onError != nil {
		c.onError(err)
	}
	return current, nil
}

// Reload reads the files now, for instance when a signal has come.
func (c *Certificates) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked = time.Now()
	state, err := c.stat()
	if err != nil {
		return err
	}
	return c.load(state)
}

// stat returns the state of the files.
func (c *Certificates) stat() (state [2]fileState, err error) {
	for i, name := range [...]string{c.certFile, c.keyFile} {
		var info fs.FileInfo
		if info, err = os.Stat(name); err != nil {
			return state, fmt.Errorf("sio: the TLS certificate: %w", err)
		}
		state[i] = fileState{info.ModTime(), info.Size()}
	}
	return state, nil
}

// load reads the files, whose state is given. The caller holds mu.
func (c *Certificates) load(state [2]fileState) error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("sio: the TLS certificate in %s and %s: %w", c.certFile, c.keyFile, err)
	}
	c.current, c.read = &pair, state
	return nil
}
