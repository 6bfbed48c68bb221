//go:build linux

package attack

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
)

// renegotiators is how many connections ask for another handshake at a time.
const renegotiators = 8

// tlsRenegotiate asks for another handshake on each connection of TLS 1.2.
func tlsRenegotiate(f *Field) {
	f.repeat(renegotiators, func() error {
		c, err := f.dialTo(f.target.Secure, 0)
		if err != nil {
			return err
		}
		defer c.leave()
		seen := &recording{Conn: c.Conn}
		c.Conn = seen
		var keys bytes.Buffer
		conn, err := f.secure(c, &tls.Config{
			MaxVersion:   tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
			KeyLogWriter: &keys, SessionTicketsDisabled: true,
		})
		if err != nil {
			return err
		}
		seal, err := newSealer(keys.String(), seen)
		if err != nil {
			f.count(countFailed, 1)
			return err
		}
		if _, err := c.Write(seal.record(seen.hello())); err != nil {
			return err
		}
		f.count("renegotiations", 1)
		if _, err = conn.Read(make([]byte, 1)); err != nil && strings.Contains(err.Error(), "unexpected message") {
			f.count("refused", 1)
		}
		return err
	})
}

// recording keeps the first bytes in each direction, for the length of a
// message that begins a handshake. One goroutine reads, one writes.
type recording struct {
	net.Conn
	in, out []byte
}

const (
	recordHead = 5
	helloHead  = 4 + 2 // of a message, and the version
	randomSize = 32
)

func (r *recording) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	if len(r.in) < recordHead+helloHead+randomSize {
		r.in = append(r.in, b[:n]...)
	}
	return n, err
}

func (r *recording) Write(b []byte) (int, error) {
	if len(r.out) == 0 {
		r.out = bytes.Clone(b)
	}
	return r.Conn.Write(b)
}

// hello is the message that began the handshake.
func (r *recording) hello() []byte { return r.out[recordHead:] }

// sealer encrypts records of the type handshake as the client of a connection
// of TLS 1.2 does (RFC 5288), behind its message Finished.
type sealer struct {
	aead cipher.AEAD
	salt []byte
	sent uint64 // records
}

// newSealer derives the client's key (RFC 5246, section 6.3) from what
// crypto/tls has written to its KeyLogWriter.
func newSealer(keys string, seen *recording) (*sealer, error) {
	var random, secret []byte
	if _, err := fmt.Sscanf(keys, "CLIENT_RANDOM %x %x", &random, &secret); err != nil {
		return nil, fmt.Errorf("attack: the keys %.30q: %w", keys, err)
	}
	if len(seen.in) < recordHead+helloHead+randomSize {
		return nil, errors.New("attack: the server's message is short: " + hex.EncodeToString(seen.in))
	}
	server := seen.in[recordHead+helloHead:][:randomSize]
	const key, salt = 16, 4
	block := expand(secret, "key expansion"+string(server)+string(random), 2*key+2*salt)
	cipher128, err := aes.NewCipher(block[:key])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(cipher128)
	return &sealer{aead, block[2*key:][:salt], 1}, err
}

// expand is P_SHA256 (RFC 5246, section 5).
func expand(secret []byte, seed string, n int) (out []byte) {
	sum := func(parts ...[]byte) []byte {
		h := hmac.New(sha256.New, secret)
		for _, part := range parts {
			h.Write(part)
		}
		return h.Sum(nil)
	}
	for a := sum([]byte(seed)); len(out) < n; a = sum(a) {
		out = append(out, sum(a, []byte(seed))...)
	}
	return out[:n]
}

func (s *sealer) record(message []byte) []byte {
	const handshake, version = 22, 0x0303
	number := binary.BigEndian.AppendUint64(nil, s.sent)
	s.sent++
	also := binary.BigEndian.AppendUint16(append(bytes.Clone(number), handshake, version>>8, version&0xff), uint16(len(message)))
	sealed := s.aead.Seal(nil, append(bytes.Clone(s.salt), number...), message, also)
	head := binary.BigEndian.AppendUint16([]byte{handshake, version >> 8, version & 0xff}, uint16(len(number)+len(sealed)))
	return append(append(head, number...), sealed...)
}

func judgeRenegotiate(o Outcome) error {
	asked, refused := o.Counts["renegotiations"], o.Counts["refused"]
	if open := asked - refused; open > renegotiators {
		return fmt.Errorf("%.0f of %.0f requests for another handshake were not refused", open, asked)
	}
	return nil
}
