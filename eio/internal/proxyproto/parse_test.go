package proxyproto

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	reference "github.com/pires/go-proxyproto"
)

// v2 is a header of version 2 with the given second 4 bytes but for the length.
func v2(command, family byte, rest ...byte) []byte {
	b := append(bytes.Clone(signature), command, family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(rest)))
	return append(b, rest...)
}

// tlv is a type-length-value.
func tlv(kind byte, value ...byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{kind}, uint16(len(value))), value...)
}

var (
	v4Addresses = []byte{192, 0, 2, 1, 198, 51, 100, 1, 0xc3, 0x50, 0x01, 0xbb}
	v6Addresses = append(append(netip.MustParseAddr("2001:db8::1").AsSlice(), netip.MustParseAddr("2001:db8::2").AsSlice()...),
		0xc3, 0x50, 0x01, 0xbb)
)

// withChecksum adds the checksum to a header, plus difference.
func withChecksum(difference uint32, command, family byte, rest ...byte) []byte {
	b := v2(command, family, append(bytes.Clone(rest), tlv(typeCRC32C, 0, 0, 0, 0)...)...)
	at := len(b) - 4
	binary.BigEndian.PutUint32(b[at:], checksum(b, at)+difference)
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

type parseCase struct {
	header    []byte
	source    string // empty for none
	encrypted bool
	err       error
}

var cases = map[string]parseCase{
	"TCP4":               {header: []byte("PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\r\n"), source: "192.0.2.1:50000"},
	"TCP6":               {header: []byte("PROXY TCP6 2001:db8::1 2001:db8::2 50000 443\r\n"), source: "[2001:db8::1]:50000"},
	"TCP6, mapped":       {header: []byte("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.1 50000 443\r\n"), source: "192.0.2.1:50000"},
	"UNKNOWN":            {header: []byte("PROXY UNKNOWN\r\n")},
	"UNKNOWN, the worst": {header: []byte("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n")},
	"the longest line":   {header: []byte("PROXY UNKNOWN " + strings.Repeat("x", maxV1-len("PROXY UNKNOWN \r\n")) + "\r\n")},

	"a line that is too long":  {header: []byte("PROXY UNKNOWN " + strings.Repeat("x", maxV1-len("PROXY UNKNOWN \r\n")+1) + "\r\n"), err: ErrTooLong},
	"a line without an end":    {header: []byte("PROXY TCP4 " + strings.Repeat("1", 100)), err: ErrTooLong},
	"a bare LF":                {header: []byte("PROXY TCP4 192.0.2.1 198.51.100.1 50000 443\n"), err: ErrMalformed},
	"another family":           {header: []byte("PROXY UDP4 192.0.2.1 198.51.100.1 50000 443\r\n"), err: ErrMalformed},
	"IPv6 as TCP4":             {header: []byte("PROXY TCP4 2001:db8::1 2001:db8::2 50000 443\r\n"), err: ErrMalformed},
	"IPv4 as TCP6":             {header: []byte("PROXY TCP6 192.0.2.1 198.51.100.1 50000 443\r\n"), err: ErrMalformed},
	"a zone":                   {header: []byte("PROXY TCP6 fe80::1%a fe80::2 50000 443\r\n"), err: ErrMalformed},
	"a large port":             {header: []byte("PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n"), err: ErrMalformed},
	"a port with a sign":       {header: []byte("PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n"), err: ErrMalformed},
	"a port with a zero":       {header: []byte("PROXY TCP4 192.0.2.1 198.51.100.1 01 443\r\n"), err: ErrMalformed},
	"a bad second address":     {header: []byte("PROXY TCP4 192.0.2.1 x 50000 443\r\n"), err: ErrMalformed},
	"a part too few":           {header: []byte("PROXY TCP4 192.0.2.1 198.51.100.1 50000\r\n"), err: ErrMalformed},
	"a part too many":          {header: []byte("PROXY TCP4 192.0.2.1 198.51.100.1 50000 443 \r\n"), err: ErrMalformed},
	"two spaces":               {header: []byte("PROXY TCP4  192.0.2.1 198.51.100.1 50000 443\r\n"), err: ErrMalformed},
	"no family":                {header: []byte("PROXY \r\n"), err: ErrMalformed},
	"HTTP":                     {header: []byte("GET / HTTP/1.1\r\n"), err: ErrNoHeader},
	"HTTP that begins so":      {header: []byte("PROXYGET / HTTP/1.1\r\n"), err: ErrNoHeader},
	"version 2, TCP4":          {header: v2(0x21, 0x11, v4Addresses...), source: "192.0.2.1:50000"},
	"version 2, TCP6":          {header: v2(0x21, 0x21, v6Addresses...), source: "[2001:db8::1]:50000"},
	"version 2, UDP4":          {header: v2(0x21, 0x12, v4Addresses...), source: "192.0.2.1:50000"},
	"version 2, unix":          {header: v2(0x21, 0x31, make([]byte, 216)...)},
	"version 2, unspecified":   {header: v2(0x21, 0x00)},
	"version 2, local":         {header: v2(0x20, 0x00)},
	"version 2, local, family": {header: v2(0x20, 0x11, v4Addresses...)},
	"version 2, values": {
		header: v2(0x21, 0x11, join(v4Addresses, tlv(0x02, []byte("a.example")...), tlv(0x04, make([]byte, 9)...))...),
		source: "192.0.2.1:50000"},
	"version 2, TLS": {
		header: v2(0x21, 0x11, join(v4Addresses, tlv(typeSSL, 1, 0, 0, 0, 0, 0x21, 0, 1, '3'))...),
		source: "192.0.2.1:50000", encrypted: true},
	"version 2, not TLS": {
		header: v2(0x21, 0x11, join(v4Addresses, tlv(typeSSL, 0, 0, 0, 0, 0))...), source: "192.0.2.1:50000"},
	"version 2, checksum":      {header: withChecksum(0, 0x21, 0x11, v4Addresses...), source: "192.0.2.1:50000"},
	"version 2, the longest":   {header: v2(0x21, 0x11, join(v4Addresses, tlv(4, make([]byte, MaxLength-fixedV2-12-3)...))...), source: "192.0.2.1:50000"},
	"version 2, too long":      {header: v2(0x21, 0x11, join(v4Addresses, tlv(4, make([]byte, MaxLength-fixedV2-12-2)...))...), err: ErrTooLong},
	"version 2, bad checksum":  {header: withChecksum(1, 0x21, 0x11, v4Addresses...), err: ErrChecksum},
	"version 2, short sum":     {header: v2(0x21, 0x11, join(v4Addresses, tlv(typeCRC32C, 1, 2))...), err: ErrMalformed},
	"version 2, short TLS":     {header: v2(0x21, 0x11, join(v4Addresses, tlv(typeSSL, 1))...), err: ErrMalformed},
	"version 2, cut value":     {header: v2(0x21, 0x11, join(v4Addresses, []byte{4, 0, 9, 1})...), err: ErrMalformed},
	"version 2, cut type":      {header: v2(0x21, 0x11, join(v4Addresses, []byte{4, 0})...), err: ErrMalformed},
	"version 2, too short":     {header: v2(0x21, 0x21, v4Addresses...), err: ErrMalformed},
	"version 2, a command":     {header: v2(0x22, 0x11, v4Addresses...), err: ErrMalformed},
	"version 2, a family":      {header: v2(0x21, 0x41, v4Addresses...), err: ErrMalformed},
	"version 2, a transport":   {header: v2(0x21, 0x13, v4Addresses...), err: ErrMalformed},
	"version 3":                {header: v2(0x31, 0x11, v4Addresses...), err: ErrMalformed},
	"a signature that is none": {header: []byte("\r\n\r\n\x00\r\nQUIX\n"), err: ErrNoHeader},
}

// TestParse parses each header whole and with bytes behind it, and cut at each
// place.
func TestParse(t *testing.T) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			for _, behind := range []string{"", "GET / HTTP/1.1\r\n"} {
				h, n, err := Parse(append(bytes.Clone(c.header), behind...))
				source := ""
				if h.Source.IsValid() {
					source = h.Source.String()
				}
				if !errors.Is(err, c.err) || source != c.source || h.Encrypted != c.encrypted {
					t.Fatalf("%q, encrypted %v, error %v; want %q, %v, %v", source, h.Encrypted, err, c.source, c.encrypted, c.err)
				}
				if err == nil && n != len(c.header) {
					t.Fatalf("%d bytes; want %d", n, len(c.header))
				}
			}
			for cut := range c.header {
				h, n, err := Parse(c.header[:cut])
				if h != (Header{}) || n != 0 || err != nil && c.err == nil {
					t.Fatalf("cut after %d bytes: %+v, %d, %v", cut, h, n, err)
				}
			}
		})
	}
}

// compare has the reference parse b, and reports where the two differ.
func compare(t *testing.T, b []byte) {
	t.Helper()
	ours, n, err := Parse(b)
	r := bufio.NewReaderSize(bytes.NewReader(b), 1<<17)
	theirs, refused := reference.Read(r)
	if err != nil || n == 0 {
		return // it may be laxer
	}
	if b[0] == signature[0] && (b[13]>>4 == unspec || b[13]&15 == 0) {
		return // it refuses what is unspecified, as receivers may
	}
	if refused != nil {
		t.Fatalf("%q: accepted, the reference refuses it: %v", b, refused)
	}
	if left := r.Buffered(); n+left != len(b) {
		t.Fatalf("%q: %d bytes; the reference leaves %d", b, n, left)
	}
	want := netip.AddrPort{}
	if a, ok := theirs.SourceAddr.(*net.TCPAddr); ok && !theirs.Command.IsLocal() {
		want = netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))
	} else if a, ok := theirs.SourceAddr.(*net.UDPAddr); ok && !theirs.Command.IsLocal() {
		want = netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), uint16(a.Port))
	}
	if ours.Source != want {
		t.Fatalf("%q: %v; the reference has %v", b, ours.Source, want)
	}
}

func TestParseAsTheReference(t *testing.T) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { compare(t, c.header) })
	}
}

// FuzzParse: what is accepted is what the reference accepts, and means the same.
// A header that is cut is neither refused nor accepted, unless all of it is.
func FuzzParse(f *testing.F) {
	for _, c := range cases {
		f.Add(c.header)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, n, err := Parse(b)
		if n > MaxLength || n > len(b) || err != nil && n != 0 {
			t.Fatalf("%d of %d bytes, %v", n, len(b), err)
		}
		if err == nil && n == 0 && len(b) >= MaxLength {
			t.Fatalf("%d bytes are not enough", len(b))
		}
		for cut := range n {
			if _, m, err := Parse(b[:cut]); m != 0 || err != nil {
				t.Fatalf("%q, cut after %d bytes: %d, %v", b[:n], cut, m, err)
			}
		}
		compare(t, b)
	})
}
