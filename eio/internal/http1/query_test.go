package http1

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestQueryValue(t *testing.T) {
	tests := []struct {
		raw, key, want string
		ok             bool
	}{
		{"EIO=4&transport=polling", "EIO", "4", true},
		{"EIO=4&transport=polling", "transport", "polling", true},
		{"EIO=4&transport=polling", "sid", "", false},
		{"a=1&a=2", "a", "2", true},
		{"a=1&a=2&", "a", "2", true},
		{"a=1&a", "a", "", true},
		{"a=1&&b", "a", "1", true},
		{"j", "j", "", true},
		{"=x", "", "x", true},
		{"&", "", "", false},
		{"", "", "", false},
		{"s%69d=x", "sid", "x", true},
		{"si=x", "sid", "", false},
		{"sid0=x", "sid", "", false},
		{"a+b=c+d%2B", "a b", "c d+", true},
		{"a=b=c", "a", "b=c", true},
		{"a=%zz%4", "a", "%zz%4", true},
		{"a=%e2%82%ac", "a", "€", true},
		{"é=ü", "é", "ü", true},
		// One U+FFFD for each maximal ill-formed part, as in a browser's
		// TextDecoder.
		{"a=%ff", "a", "\ufffd", true},
		{"a=%e2%82x", "a", "\ufffdx", true},
		{"a=%f0%9f%98", "a", "\ufffd", true},
		{"a=%c0%80", "a", "\ufffd\ufffd", true},
		{"a=%ed%a0%80", "a", "\ufffd\ufffd\ufffd", true},
		{"a=%f4%90%80%80", "a", "\ufffd\ufffd\ufffd\ufffd", true},
		{"a=%e0%80%c2", "a", "\ufffd\ufffd\ufffd", true},
		{"a=%ef%bf%bd", "a", "\ufffd", true},
	}
	for _, tt := range tests {
		got, ok := QueryValue([]byte(tt.raw), tt.key)
		if string(got) != tt.want || ok != tt.ok {
			t.Errorf("QueryValue(%q, %q) = %q, %t; want %q, %t", tt.raw, tt.key, got, ok, tt.want, tt.ok)
		}
	}
}

func TestQuery(t *testing.T) {
	var got strings.Builder
	for k, v := range Query([]byte("&a=1&&b+=%20&=&c&a=2&")) {
		fmt.Fprintf(&got, "%q=%q ", k, v)
	}
	if want := `"a"="1" "b "=" " ""="" "c"="" "a"="2" `; got.String() != want {
		t.Errorf("got  %s\nwant %s", &got, want)
	}
	for k := range Query([]byte("a&b")) {
		if string(k) != "a" {
			t.Errorf("after break: %q", k)
		}
		break
	}
}

func TestQueryAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("counts are off under the race detector")
	}
	raw := []byte("EIO=4&transport=polling&sid=e8rF0fHFlMO4Yh3TAAAA&s%69x=%20")
	if allocs := testing.AllocsPerRun(100, func() {
		for _, key := range []string{"EIO", "sid", "transport", "j"} {
			QueryValue(raw, key)
		}
	}); allocs != 0 {
		t.Errorf("%.0f allocations", allocs)
	}
}

// FuzzQuery compares with net/url where that accepts the input, and checks that
// the two ways of reading agree.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"EIO=4&transport=polling", "a=%e2%82x&a&=b", "%61+=+%2b&&a=%zz", "d=4hello%1e"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		last := map[string]string{}
		for k, v := range Query(raw) {
			if !utf8.Valid(k) || !utf8.Valid(v) {
				t.Fatalf("invalid UTF-8 in %q=%q", k, v)
			}
			last[string(k)] = string(v)
		}
		for k, v := range last {
			if strings.ContainsRune(k, utf8.RuneError) {
				continue // a replaced name cannot be asked for
			}
			if got, ok := QueryValue(raw, k); string(got) != v || !ok {
				t.Fatalf("%q: Query %q, QueryValue %q, %t", k, v, got, ok)
			}
		}
		std, err := url.ParseQuery(string(raw))
		if err != nil || !utf8.Valid(raw) {
			return
		}
		for k, values := range std {
			v := values[len(values)-1]
			if !utf8.ValidString(k) || !utf8.ValidString(v) {
				continue
			}
			if last[k] != v {
				t.Fatalf("%q: net/url %q, ours %q", k, v, last[k])
			}
		}
	})
}
