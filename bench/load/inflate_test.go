//go:build linux

package load

import (
	"bytes"
	"compress/flate"
	"strings"
	"testing"
)

func TestInflate(t *testing.T) {
	i := &inflater{}
	for _, want := range []string{"a", "a", strings.Repeat("message ", 5000), "", "a"} {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(want))
		w.Flush()
		compressed := bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff"))
		for range 2 { // the second time it is remembered
			got, err := i.message(compressed)
			if err != nil || string(got) != want {
				t.Errorf("got %.50q and %v, want %.50q", got, err, want)
			}
		}
	}
	if got, err := i.message([]byte{0xff, 0xff}); err == nil {
		t.Errorf("garbage is read as %q", got)
	}
	if got, err := i.message([]byte{0xff, 0xff}); err == nil {
		t.Errorf("garbage is read as %q the second time", got)
	}
}
