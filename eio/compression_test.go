package eio_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

func TestHTTPCompression(t *testing.T) {
	big, small := strings.Repeat("x", 1023), strings.Repeat("x", 1022)
	get := func(t *testing.T, cfg eio.Config, message, accept string) eiotest.Response {
		t.Helper()
		s := start(t, cfg, func(x *eio.Session) { send(x, message, false) })
		return eiotest.Get(t, s.polling(t), "Accept-Encoding", accept)
	}
	t.Run("a large body is compressed with gzip", func(t *testing.T) {
		r := get(t, eio.Config{}, big, "gzip, deflate")
		wantHeader(t, r, "Content-Encoding", "gzip")
		wantHeader(t, r, "Vary", "Accept-Encoding")
		z, err := gzip.NewReader(strings.NewReader(r.Body))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); string(b) != "4"+big {
			t.Errorf("got %q, %v", b, err)
		}
	})
	t.Run("deflate is in the zlib format", func(t *testing.T) {
		r := get(t, eio.Config{}, big, "deflate")
		wantHeader(t, r, "Content-Encoding", "deflate")
		z, err := zlib.NewReader(strings.NewReader(r.Body))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); string(b) != "4"+big {
			t.Errorf("got %q, %v", b, err)
		}
	})
	t.Run("a body stays plain", func(t *testing.T) {
		for name, r := range map[string]eiotest.Response{
			"small": get(t, eio.Config{}, small, "gzip"),
			"off":   get(t, eio.Config{HTTPCompression: -1}, big, "gzip"),
			"br":    get(t, eio.Config{}, big, "br"),
			"q=0":   get(t, eio.Config{}, big, "gzip;q=0"),
		} {
			if r.Header.Get("Content-Encoding") != "" || r.Header.Get("Content-Length") == "" || r.Body[0] != '4' {
				t.Errorf("%s: %+v", name, r)
			}
			vary := "Accept-Encoding" // it would have been another answer
			if name == "small" || name == "off" {
				vary = ""
			}
			wantHeader(t, r, "Vary", vary)
		}
		s := start(t, eio.Config{}, func(x *eio.Session) {
			p := eio.NewEncodedPacket(false)
			p.SetCompress(false)
			p.End(append(p.Begin(), big...))
			x.Send(p)
			p.Release()
		})
		wantHeader(t, eiotest.Get(t, s.polling(t), "Accept-Encoding", "gzip"), "Content-Encoding", "")
	})
	t.Run("O5", func(t *testing.T) {
		s := start(t, eio.Config{HTTPCompression: eio.CompressAll})
		wantHeader(t, eiotest.Get(t, s.url+handshake, "Accept-Encoding", "gzip"), "Content-Encoding", "gzip")
	})
}

const offer = "permessage-deflate; client_max_window_bits"

func TestPerMessageDeflate(t *testing.T) {
	dial := func(t *testing.T, cfg eio.Config) *eiotest.Conn {
		s := start(t, cfg)
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString(eiotest.UpgradeRequest("/engine.io/?EIO=4&transport=websocket", "Sec-WebSocket-Extensions", offer))
		r := c.ReadResponse()
		wantHeader(t, r, "Sec-WebSocket-Extensions", "permessage-deflate; server_no_context_takeover; client_no_context_takeover")
		return c
	}
	deflated := func(s string) []byte {
		var b bytes.Buffer
		z, _ := flate.NewWriter(&b, 1)
		io.WriteString(z, s)
		z.Flush()
		return bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
	}
	inflated := func(t *testing.T, f eiotest.Frame) string {
		t.Helper()
		z := flate.NewReader(io.MultiReader(bytes.NewReader(f.Payload), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff")))
		b, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	t.Run("every message is compressed at threshold CompressAll", func(t *testing.T) {
		c := dial(t, eio.Config{PerMessageDeflate: &eio.PerMessageDeflate{Threshold: eio.CompressAll}})
		for _, want := range []string{`0{"sid":`, "4hello", "4" + strings.Repeat("x", 100_000)} {
			if want[0] == '4' {
				c.WriteFrame(0xc1, deflated(want))
			}
			f := c.Next()
			if f.First != 0xc1 {
				t.Fatalf("first byte %#x", f.First)
			}
			if got := inflated(t, f); !strings.HasPrefix(got, want) {
				t.Errorf("got %.50q", got)
			}
		}
		c.Text("4plain")
		if got := inflated(t, c.Next()); got != "4plain" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("only large messages are compressed", func(t *testing.T) {
		c := dial(t, eio.Config{PerMessageDeflate: &eio.PerMessageDeflate{}})
		c.Next()
		c.Text("4hello")
		c.Expect("4hello")
		big := "4" + strings.Repeat("x", 1023)
		c.Text(big)
		if f := c.Next(); f.First != 0xc1 || inflated(t, f) != big {
			t.Errorf("got %v", f)
		}
	})
	for name, c := range map[string]struct {
		payload []byte
		status  uint16
	}{
		"too big":   {deflated("4" + strings.Repeat("x", 1000)), 1009},
		"corrupt":   {[]byte{0xff, 0xff}, 1007},
		"not UTF-8": {deflated("4\xff"), 1007},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, eio.Config{MaxHTTPBufferSize: 1000, PerMessageDeflate: &eio.PerMessageDeflate{}})
			conn.Next()
			conn.WriteFrame(0xc1, c.payload)
			conn.ExpectClose(c.status)
		})
	}
	t.Run("not offered", func(t *testing.T) {
		s := start(t, eio.Config{PerMessageDeflate: &eio.PerMessageDeflate{Threshold: eio.CompressAll}})
		c := s.webSocket(t)
		c.Text("4hello")
		c.Expect("4hello")
	})
}
