package loop

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// clientSealer makes records as a client of AES-128-GCM does, of what
// crypto/tls never sends.
type clientSealer struct {
	secret []byte // of TLS 1.3
	aead   cipher.AEAD
	iv     []byte
	sent   uint64
	old    bool // TLS 1.2
}

func gcm(t *testing.T, key []byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return aead
}

// expandLabel is HKDF-Expand-Label (RFC 8446, section 7.1).
func expandLabel(t *testing.T, secret []byte, label string, n int) []byte {
	t.Helper()
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(append(info, byte(len("tls13 ")+len(label))), "tls13 "+label+"\x00"...)
	b, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// newKeys takes the keys of s.secret into use.
func (s *clientSealer) newKeys(t *testing.T) {
	t.Helper()
	s.aead, s.iv, s.sent = gcm(t, expandLabel(t, s.secret, "key", 16)), expandLabel(t, s.secret, "iv", 12), 0
}

// record encrypts a message of a type.
func (s *clientSealer) record(kind byte, message []byte) []byte {
	number := binary.BigEndian.AppendUint64(nil, s.sent)
	s.sent++
	if s.old { // RFC 5288
		also := binary.BigEndian.AppendUint16(append(bytes.Clone(number), kind, 3, 3), uint16(len(message)))
		sealed := s.aead.Seal(nil, append(bytes.Clone(s.iv), number...), message, also)
		head := binary.BigEndian.AppendUint16([]byte{kind, 3, 3}, uint16(8+len(sealed)))
		return append(append(head, number...), sealed...)
	}
	nonce := bytes.Clone(s.iv)
	for i, b := range number {
		nonce[4+i] ^= b
	}
	head := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(message)+1+16))
	return s.aead.Seal(head, nonce, append(bytes.Clone(message), kind), head)
}

// connectedSealer is a connection whose client's records the test makes.
func connectedSealer(t *testing.T, version uint16) (*tlsEnds, *keeper, *clientSealer) {
	t.Helper()
	var keys bytes.Buffer
	client := &tls.Config{InsecureSkipVerify: true, MaxVersion: version, KeyLogWriter: &keys, SessionTicketsDisabled: true,
		CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}}
	f := newTLSFixture(t, Config{})
	k := &keeper{}
	e := f.connect(testTLS(), client, k.accept)
	if err := e.shake(whole); err != nil {
		t.Fatal(err)
	}
	s := &clientSealer{}
	for line := range strings.Lines(keys.String()) {
		var random, secret string
		var label string
		fmt.Sscan(line, &label, &random, &secret)
		b, _ := hex.DecodeString(secret)
		switch label {
		case "CLIENT_TRAFFIC_SECRET_0":
			s.secret = b
			s.newKeys(t)
		case "CLIENT_RANDOM":
			s.old = true
			r, _ := hex.DecodeString(random)
			block := expandTLS12(b, "key expansion"+string(e.serverRandom())+string(r), 2*16+2*4)
			s.aead, s.iv, s.sent = gcm(t, block[:16]), block[32:36], 1
		}
	}
	if s.aead == nil {
		t.Fatalf("no keys in %q", keys.String())
	}
	return e, k, s
}

// expandTLS12 is P_SHA256 (RFC 5246, section 5).
func expandTLS12(secret []byte, seed string, n int) (out []byte) {
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

// keyUpdate is a KeyUpdate that asks for another one (RFC 8446, section 4.6.3).
func keyUpdate(asks byte) []byte { return []byte{24, 0, 0, 1, asks} }

func (s *clientSealer) update(t *testing.T, asks byte) []byte {
	t.Helper()
	b := s.record(22, keyUpdate(asks))
	s.secret = expandLabel(t, s.secret, "traffic upd", 32)
	s.newKeys(t)
	return b
}

// TestKeyUpdates: a client may change its keys, and ask for other ones of the
// server. Only a few at a time are served without application data between
// them, and a client that reads no answers is closed.
func TestKeyUpdates(t *testing.T) {
	e, k, s := connectedSealer(t, tls.VersionTLS13)
	k.data = func(c *Conn, b []byte) {
		f := NewFrame()
		f.B = append(f.B, b...)
		c.Send(f)
	}
	all := e.receive()
	for range 100 {
		for range 5 {
			e.read(s.update(t, 1))
		}
		e.read(s.record(23, []byte("x")))
	}
	if k.got.String() != strings.Repeat("x", 100) || k.closed > 0 {
		t.Fatalf("%d messages, %v", k.got.Len(), k.err)
	}
	e.sendFrames("with the last keys")
	for range 40 {
		e.read(s.update(t, 0))
	}
	if k.closed != 1 {
		t.Error("a flood of KeyUpdates is served")
	}
	if got := all(); !strings.HasPrefix(got, strings.Repeat("x", 100)+"with the last keys") {
		t.Errorf("the client got %q", got)
	}

	e, k, s = connectedSealer(t, tls.VersionTLS13)
	e.allow(0)
	sent := 0
	for k.closed == 0 && sent < 10_000 {
		for range 10 {
			e.read(s.update(t, 1))
			sent++
		}
		e.read(s.record(23, []byte("x")))
	}
	// What was not taken is bounded, and counted while it waits.
	if k.closed != 1 || k.err == nil || sent > 2*maxRest/20 || e.f.loop.queuedTotal.bytes != 0 {
		t.Errorf("after %d KeyUpdates closed %d times, %v; %d bytes are counted", sent, k.closed, k.err, e.f.loop.queuedTotal.bytes)
	}
}

// TestRenegotiationIsRefused: a client of TLS 1.2 can't begin another
// handshake.
func TestRenegotiationIsRefused(t *testing.T) {
	e, k, s := connectedSealer(t, tls.VersionTLS12)
	e.read(s.record(23, []byte("x")))
	if k.got.String() != "x" {
		t.Fatalf("%q, %v", k.got.String(), k.err)
	}
	e.read(s.record(22, []byte{1, 0, 0, 2, 3, 3}))
	if k.closed != 1 || k.err == nil {
		t.Errorf("closed %d times, %v", k.closed, k.err)
	}
}

// TestLargeMessages: behind the handshake, a client can't have the server keep
// a message that it does not complete, but may cut a KeyUpdate.
func TestLargeMessages(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			const certificate = 11
			e, k, s := connectedSealer(t, version)
			e.read(s.record(22, append([]byte{certificate, 3, 0xff, 0xf0}, make([]byte, 1000)...)))
			if k.closed != 1 || k.err != errLargeMessage {
				t.Errorf("closed %d times, %v", k.closed, k.err)
			}
		})
	}
	e, k, s := connectedSealer(t, tls.VersionTLS13)
	for _, b := range keyUpdate(0) {
		e.read(s.record(22, []byte{b}))
	}
	s.secret = expandLabel(t, s.secret, "traffic upd", 32)
	s.newKeys(t)
	e.read(s.record(23, []byte("x")))
	if k.got.String() != "x" || k.closed > 0 {
		t.Errorf("got %q, closed with %v", k.got.String(), k.err)
	}
}

// FuzzRecords feeds what is no handshake, and what is no record, in pieces.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("\x16\x03\x01\x00\x05\x01\x00\x00\x01x"), uint8(3), true)
	f.Add([]byte("\x17\x03\x03\x00\x20abcdefgh"), uint8(7), false)
	f.Add([]byte("\x15\x03\x03\x00\x02\x01\x00\x16\x03\x03\x00\x01\x00"), uint8(1), false)
	f.Fuzz(func(t *testing.T, b []byte, piece uint8, first bool) {
		fixture := newTLSFixture(t, Config{})
		k := &keeper{}
		e := fixture.connect(testTLS(), tlsClients["TLS 1.3"](), k.accept)
		if !first {
			if err := e.shake(whole); err != nil {
				t.Fatal(err)
			}
		}
		for len(b) > 0 {
			n := min(max(int(piece), 1), len(b))
			e.read(bytes.Clone(b[:n]))
			b = b[n:]
		}
		if k.got.Len() > 0 {
			t.Errorf("%q was delivered", k.got.String())
		}
		e.lose(nil)
		if r := fixture.loop.records; r.bytes != 0 || r.parts.Len() != 0 || fixture.loop.queuedTotal.bytes != 0 {
			t.Error("something is held")
		}
	})
}
