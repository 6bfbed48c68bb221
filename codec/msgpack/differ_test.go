package msgpack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// alike is a value as both implementations have it: numbers as float64, times
// in UTC, and maps with strings for keys. ok is false for what only one of them
// knows.
func alike(v any) (same any, ok bool) {
	switch v := v.(type) {
	case nil, bool, string, float64:
		return v, true
	case []byte:
		return string(append([]byte("bin "), v...)), true
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), true
	case []any:
		list := make([]any, len(v))
		for i := range v {
			if list[i], ok = alike(v[i]); !ok {
				return nil, false
			}
		}
		return list, true
	case map[string]any:
		object := make(map[string]any, len(v))
		for key, item := range v {
			if object[key], ok = alike(item); !ok {
				return nil, false
			}
		}
		return object, true
	}
	switch rv := reflect.ValueOf(v); {
	case rv.CanInt():
		return float64(rv.Int()), true
	case rv.CanUint():
		return float64(rv.Uint()), true
	case rv.CanFloat():
		return rv.Float(), true
	}
	return nil, false
}

// decodeLibrary decodes one value with the library. It is false if that refuses
// it.
func decodeLibrary(b []byte) (v any, ok bool) {
	r := bytes.NewReader(b)
	v, err := msgpack.NewDecoder(r).DecodeInterface()
	return v, err == nil && r.Len() == 0
}

// FuzzLikeLibrary decodes with this package and with vmihailenco/msgpack. What
// both accept means the same, and what this package encodes of it the library
// reads as the same.
//
// Only one of them accepts: extensions other than timestamps, keys that are no
// strings, strings that are not UTF-8, dates outside the years 0 to 9999, NaN,
// nesting deeper than this package allows.
func FuzzLikeLibrary(f *testing.F) {
	for _, wire := range vectors(f) {
		f.Add(wire)
	}
	for _, v := range []any{nil, true, -33, int64(1) << 40, 1.5, "é", []byte{1}, []any{1, "a", []any{}}, map[string]any{"a": nil, "b": -1}, time.Unix(1, 5)} {
		wire, err := msgpack.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if !bounded(b) {
			return // the library would take the memory that is announced
		}
		var ours any
		if DecodeValue(b, &ours) != nil {
			return
		}
		theirs, ok := decodeLibrary(b)
		if !ok {
			return
		}
		wanted, ok := alike(theirs)
		if !ok {
			return
		}
		got, _ := alike(ours)
		if fmt.Sprint(got) != fmt.Sprint(wanted) && valid(b) {
			t.Fatalf("% x: %#v, the library: %#v", b, got, wanted)
		}
		wire, err := AppendValue(nil, ours)
		if err != nil {
			t.Fatalf("% x: %#v is not encoded: %v", b, ours, err)
		}
		again, ok := decodeLibrary(wire)
		if !ok {
			t.Fatalf("% x: the library refuses % x", b, wire)
		}
		if back, _ := alike(again); fmt.Sprint(back) != fmt.Sprint(got) {
			t.Fatalf("% x, then % x: the library has %#v, want %#v", b, wire, back, got)
		}
	})
}

// bounded reports whether b is one whole value: Skip reads no more than there
// is.
func bounded(b []byte) bool {
	n, err := Skip(b)
	return err == nil && n == len(b)
}

// valid reports whether the strings of b are UTF-8; this package replaces bytes
// that are not.
func valid(b []byte) bool { return WellFormed(b) }

// FuzzLibraryReads has the library read what this package makes of JSON.
func FuzzLibraryReads(f *testing.F) {
	for _, seed := range []string{`[1,-1,1.5,1e300,true,null,"\u00e9",{"a":{}}]`, `"x"`, `{"a":18446744073709551615,"b":-9223372036854775808}`, `[[],{},""]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var v any
		if json.Unmarshal(text, &v) != nil {
			return
		}
		wire, err := AppendValue(nil, v)
		if err != nil {
			return // too deep
		}
		read, ok := decodeLibrary(wire)
		if !ok {
			t.Fatalf("%s: the library refuses % x", text, wire)
		}
		if got, _ := alike(read); !reflect.DeepEqual(got, v) {
			t.Fatalf("%s: % x: the library has %#v, want %#v", text, wire, got, v)
		}
	})
}
