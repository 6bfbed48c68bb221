package proxyfields

import (
	"net/netip"
	"strings"
	"testing"
)

var (
	peer    = netip.MustParseAddrPort("10.0.0.1:9")
	proxies = netip.MustParsePrefix("10.0.0.0/8")
)

func trusted(a netip.Addr) bool { return proxies.Contains(a) }

func TestResolve(t *testing.T) {
	for name, c := range map[string]struct {
		source    Source
		fields    Fields
		want      string // an address without port 0; empty is the peer's
		encrypted bool
		malformed bool
	}{
		"no field": {},
		"one proxy": {
			fields: Fields{For: []string{"192.0.2.1"}}, want: "192.0.2.1"},
		"with a port": {
			fields: Fields{For: []string{"192.0.2.1:50000"}}, want: "192.0.2.1:50000"},
		"IPv6": {
			fields: Fields{For: []string{"2001:db8::1"}}, want: "2001:db8::1"},
		"IPv6 in brackets": {
			fields: Fields{For: []string{"[2001:db8::1]"}}, want: "2001:db8::1"},
		"IPv6 with a port": {
			fields: Fields{For: []string{"[2001:db8::1]:5"}}, want: "[2001:db8::1]:5"},
		"IPv4 in IPv6, and a zone": {
			fields: Fields{For: []string{"::ffff:192.0.2.1"}}, want: "192.0.2.1"},
		"what the client has forged is left of it": {
			fields: Fields{For: []string{"198.51.100.7, 192.0.2.1"}}, want: "192.0.2.1"},
		"forged in a line of its own": {
			fields: Fields{For: []string{"198.51.100.7", "192.0.2.1"}}, want: "192.0.2.1"},
		"garbage left of it": {
			fields: Fields{For: []string{`"x, 192.0.2.1`}}, want: "192.0.2.1"},
		"two proxies": {
			fields: Fields{For: []string{"198.51.100.7,192.0.2.1 , 10.9.9.9"}}, want: "192.0.2.1"},
		"only proxies": {
			fields: Fields{For: []string{"10.0.0.3, 10.0.0.2"}}, want: "10.0.0.3"},
		"empty elements": {
			fields: Fields{For: []string{" , 192.0.2.1,, "}}, want: "192.0.2.1"},
		"garbage of a proxy": {
			fields: Fields{For: []string{"192.0.2.1, x"}}, malformed: true},
		"garbage of the second proxy": {
			fields: Fields{For: []string{"192.0.2.1, x, 10.0.0.2"}}, want: "10.0.0.2", malformed: true},

		"protos at the places of addresses": {
			fields:    Fields{For: []string{"192.0.2.1, 10.0.0.2"}, Proto: []string{"https, http"}},
			want:      "192.0.2.1",
			encrypted: true},
		"protos, one forged with its address": {
			fields: Fields{For: []string{"198.51.100.7, 192.0.2.1"}, Proto: []string{"https, http"}}, want: "192.0.2.1"},
		"one proto for two addresses": {
			fields:    Fields{For: []string{"192.0.2.1, 10.0.0.2"}, Proto: []string{"https"}},
			want:      "192.0.2.1",
			encrypted: true},
		"more protos than addresses": {
			fields: Fields{For: []string{"192.0.2.1"}, Proto: []string{"https, http"}}, want: "192.0.2.1"},

		"RFC 7239": {
			fields: Fields{Forwarded: []string{`for=192.0.2.1;proto=https;by=10.0.0.1`}}, want: "192.0.2.1", encrypted: true},
		"RFC 7239, IPv6": {
			fields: Fields{Forwarded: []string{`For="[2001:db8::1]:5"`}}, want: "[2001:db8::1]:5"},
		"RFC 7239, an obfuscated port": {
			fields: Fields{Forwarded: []string{`for="192.0.2.1:_p"`}}, want: "192.0.2.1"},
		"RFC 7239, unknown": {
			fields: Fields{Forwarded: []string{`for=unknown;proto=https`}}, encrypted: true},
		"RFC 7239, hidden": {
			fields: Fields{Forwarded: []string{`for=192.0.2.1, for=_x, for=10.0.0.2`}}, want: "10.0.0.2"},
		"RFC 7239, forged": {
			fields: Fields{Forwarded: []string{`for=198.51.100.7;proto=https, for=192.0.2.1;proto=http`}}, want: "192.0.2.1"},
		"RFC 7239, two proxies": {
			fields: Fields{Forwarded: []string{`for=192.0.2.1;proto=https`, `for=10.0.0.2;proto=http`}}, want: "192.0.2.1", encrypted: true},
		"RFC 7239, a quote that is not closed": {
			fields: Fields{Forwarded: []string{`for="198.51.100.7;proto=https;x=", for=192.0.2.1;proto=http`}}, want: "192.0.2.1"},
		"RFC 7239, an escaped quote": {
			fields: Fields{Forwarded: []string{`x="\", for=198.51.100.7", for="192.0.2.1"`}}, want: "192.0.2.1"},
		"RFC 7239, garbage": {
			fields: Fields{Forwarded: []string{`for=x`}}, malformed: true},

		"both, the same": {
			fields: Fields{For: []string{"192.0.2.1"}, Proto: []string{"https"}, Forwarded: []string{"for=192.0.2.1;proto=https"}},
			want:   "192.0.2.1", encrypted: true},
		"both, one of them with a port": {
			fields: Fields{For: []string{"192.0.2.1:7"}, Forwarded: []string{"for=192.0.2.1"}}, want: "192.0.2.1:7"},
		"both, and one of them is the client's": {
			fields: Fields{For: []string{"192.0.2.1"}, Forwarded: []string{"for=198.51.100.7"}}, malformed: true},
		"both, of which one is configured": {
			source: For,
			fields: Fields{For: []string{"192.0.2.1"}, Forwarded: []string{"for=198.51.100.7;proto=https"}}, want: "192.0.2.1"},
		"both, of which the other is configured": {
			source: Forwarded,
			fields: Fields{For: []string{"198.51.100.7"}, Proto: []string{"https"}, Forwarded: []string{"for=192.0.2.1"}}, want: "192.0.2.1"},

		"a single address": {
			source: Single,
			fields: Fields{Single: []string{"192.0.2.1"}, For: []string{"198.51.100.7"}, Proto: []string{"https"}},
			want:   "192.0.2.1", encrypted: true},
		"a single address, which is missing": {source: Single, fields: Fields{For: []string{"198.51.100.7"}}},
		"a single address twice": {
			source: Single, fields: Fields{Single: []string{"198.51.100.7", "192.0.2.1"}}, malformed: true},
		"a single address that is a list": {
			source: Single, fields: Fields{Single: []string{"198.51.100.7, 192.0.2.1"}}, malformed: true},
	} {
		t.Run(name, func(t *testing.T) {
			o := c.fields.Resolve(c.source, peer, trusted)
			got := o.Addr.String()
			switch {
			case o.Addr == peer:
				got = ""
			case o.Addr.Port() == 0:
				got = o.Addr.Addr().String()
			}
			if got != c.want || o.Encrypted != c.encrypted || o.Malformed != c.malformed {
				t.Errorf("%q, encrypted %v, malformed %v; want %q, %v, %v",
					got, o.Encrypted, o.Malformed, c.want, c.encrypted, c.malformed)
			}
		})
	}
}

// TestResolveEncrypted is about what fields say of encryption alone.
func TestResolveEncrypted(t *testing.T) {
	for _, c := range []struct {
		proto, forwarded string
		want             bool
	}{
		{"", "", false},
		{"https", "", true},
		{"HTTPS", "", true},
		{"wss", "", true},
		{"http", "", false},
		{"https, http", "", false}, // the last is the trusted proxy's
		{"http,https", "", true},
		{"httpsx", "", false},
		{"", "proto=https", true},
		{"", `for="[::1]:80";proto=https;by=a`, true},
		{"", `for=1.2.3.4; Proto="https" `, true},
		{"", "proto=http", false},
		{"", "for=1.2.3.4", false},
		{"", "proto=https, proto=http", false},
		{"", "proto=https, for=1.2.3.4", false},
		{"", `for="a, proto=http", proto=https`, true},
		{"", `proto=https;for=", for=1.2.3.4;proto=http`, false}, // swallows what was added
		{"", `proto=https;for="\", for="1";proto=http`, false},
		{"https", "proto=http", false}, // one of them is the client's
		{"http", "proto=https", false},
		{"https", "proto=https", true},
	} {
		var f Fields
		if c.proto != "" {
			f.Proto = []string{c.proto}
		}
		if c.forwarded != "" {
			f.Forwarded = []string{c.forwarded}
		}
		if o := f.Resolve(Any, peer, trusted); o.Encrypted != c.want {
			t.Errorf("%q and %q: %v", c.proto, c.forwarded, o.Encrypted)
		}
	}
}

// FuzzResolve: whatever a client has put into the fields, what its proxy has
// appended decides.
func FuzzResolve(f *testing.F) {
	f.Add("198.51.100.7", `for="x`, "https")
	f.Add(`","\"`, `\`, ",,")
	f.Add(`for="[2001:db8::1]:5";proto=https`, "unknown", "wss")
	f.Fuzz(func(t *testing.T, list, forwarded, proto string) {
		for _, v := range []*string{&list, &forwarded, &proto} { // as the parser of HTTP lets fields pass
			*v = strings.Trim(strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(*v), " \t")
		}
		const client = "192.0.2.1"
		for _, fields := range []Fields{
			{For: []string{list + ", " + client}},
			{For: []string{list, client}, Proto: []string{proto, "http"}},
			{Forwarded: []string{forwarded + ", for=" + client}},
			{Forwarded: []string{forwarded, `for="` + client + `";proto=http`}},
			{For: []string{list + "," + client}, Forwarded: []string{forwarded + ",for=" + client}, Proto: []string{proto + ",http"}},
		} {
			o := fields.Resolve(Any, peer, trusted)
			if o.Addr.Addr() != netip.MustParseAddr(client) || o.Encrypted || o.Malformed {
				t.Errorf("%+v: %+v", fields, o)
			}
		}
		for _, source := range []Source{Any, For, Forwarded, Single} {
			fields := Fields{For: []string{list}, Proto: []string{proto}, Forwarded: []string{forwarded}, Single: []string{list}}
			if o := fields.Resolve(source, peer, trusted); !o.Addr.IsValid() || o.Addr.Addr().Zone() != "" || o.Addr.Addr().Is4In6() {
				t.Errorf("%+v: %+v", fields, o)
			}
		}
	})
}
