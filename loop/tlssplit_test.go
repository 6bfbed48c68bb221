package loop

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"testing"
)

// tlsClients are the kinds of records.
var tlsClients = map[string]func() *tls.Config{
	"TLS 1.3": func() *tls.Config { return &tls.Config{InsecureSkipVerify: true} },
	"TLS 1.2": func() *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	},
	"TLS 1.2, ChaCha": func() *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}}
	},
	"TLS 1.2, CBC": func() *tls.Config {
		return &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}}
	},
}

func eachTLSClient(t *testing.T, f func(t *testing.T, client *tls.Config)) {
	for name, config := range tlsClients {
		t.Run(name, func(t *testing.T) { f(t, config()) })
	}
}

// TestRecordsCutAnywhere: three records arrive in two reads that are cut at
// each place, and byte by byte.
func TestRecordsCutAnywhere(t *testing.T) {
	eachTLSClient(t, func(t *testing.T, client *tls.Config) {
		f := newTLSFixture(t, Config{})
		k := &keeper{}
		e := f.connect(testTLS(), client, k.accept)
		if err := e.shake(whole); err != nil {
			t.Fatal(err)
		}
		const want = "firstand the secondx"
		records := func() []byte {
			for _, message := range []string{"first", "and the second", "x"} {
				if _, err := io.WriteString(e.client, message); err != nil {
					t.Fatal(err)
				}
			}
			return e.take()
		}
		check := func(what string) {
			if got := k.got.String(); got != want || k.closed > 0 {
				t.Fatalf("%s: %q, %v", what, got, k.err)
			}
			k.got.Reset()
		}
		for at := 0; ; at++ {
			b := records()
			if at > len(b) {
				e.read(b)
				check("together")
				break
			}
			e.read(bytes.Clone(b[:at]))
			e.read(bytes.Clone(b[at:]))
			check(fmt.Sprintf("cut at %d", at))
		}
		for _, b := range records() {
			e.read([]byte{b})
		}
		check("byte by byte")
		if r := f.loop.records; r.bytes != 0 || r.parts.Len() != 0 {
			t.Errorf("%d bytes of %d records are held", r.bytes, r.parts.Len())
		}
	})
}

// TestHelloCutAnywhere: the client's first message arrives in two reads that
// are cut at each place, and the whole handshake byte by byte.
func TestHelloCutAnywhere(t *testing.T) {
	f := newTLSFixture(t, Config{})
	client := &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{tls.X25519}}
	try := func(name string, cut func([]byte) int) {
		k := &keeper{}
		e := f.connect(testTLS(), client, k.accept)
		if err := e.shake(cut); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := io.WriteString(e.client, "hello"); err != nil {
			t.Fatal(err)
		}
		e.pump(name, whole, func() bool { return k.got.String() == "hello" })
		e.lose(io.EOF)
		if k.err != io.EOF {
			t.Errorf("%s: closed with %v", name, k.err)
		}
	}
	for at := 1; at < 260; at += 3 {
		first := true
		try(fmt.Sprintf("cut at %d", at), func(b []byte) int {
			if first {
				first = false
				return at
			}
			return len(b)
		})
	}
	try("byte by byte", func([]byte) int { return 1 })
}

// TestLargeRecords: records of all sizes, several in a read, read in pieces of
// all sizes.
func TestLargeRecords(t *testing.T) {
	eachTLSClient(t, func(t *testing.T, client *tls.Config) {
		f := newTLSFixture(t, Config{})
		k := &keeper{}
		e := f.connect(testTLS(), client, k.accept)
		if err := e.shake(whole); err != nil {
			t.Fatal(err)
		}
		want := make([]byte, 300_000)
		for i := range want {
			want[i] = byte(i * 7 >> 3)
		}
		for _, piece := range []int{1000, 16 << 10, 17_000, 60_000, 64 << 10} {
			for _, size := range []int{100, 16 << 10, len(want)} {
				k.got.Reset()
				for b := want; len(b) > 0; b = b[min(size, len(b)):] {
					if _, err := e.client.Write(b[:min(size, len(b))]); err != nil {
						t.Fatal(err)
					}
				}
				for b := e.take(); len(b) > 0; {
					n := min(piece, len(b))
					e.read(bytes.Clone(b[:n]))
					b = b[n:]
				}
				if !bytes.Equal(k.got.Bytes(), want) {
					t.Fatalf("writes of %d, reads of %d: %d bytes, %v", size, piece, k.got.Len(), k.err)
				}
			}
		}
	})
}
