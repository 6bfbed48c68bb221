package clientbundle

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"io/fs"
	"sync"

	"github.com/andybalholm/brotli"
)

// Content codings of a bundle's files, the server's favourite first.
const (
	br       = "br"
	gz       = "gzip"
	deflate  = "deflate" // the zlib format, RFC 9110 section 8.4.1.2
	identity = ""
)

// brotliLevel trades the 50 ms of the first request against size; the levels
// above cost up to a second for the source maps and save 3 %.
const brotliLevel = 7

// file is one file of the bundle and its encoded forms, made when first asked
// for and then kept. It is safe for concurrent use.
type file struct {
	fsys fs.FS
	name string

	mu    sync.Mutex
	forms map[string][]byte // by content coding
}

// encoded gives the file's content in the given coding. The result is shared:
// it must not be changed.
func (f *file) encoded(coding string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b, ok := f.forms[coding]; ok {
		return b, nil
	}
	plain, err := f.plainLocked()
	if err != nil {
		return nil, err
	}
	b, err := encode(plain, coding)
	if err != nil {
		return nil, err
	}
	f.forms[coding] = b
	return b, nil
}

// plainLocked gives the file as it is; f.mu is held.
func (f *file) plainLocked() ([]byte, error) {
	if b, ok := f.forms[identity]; ok {
		return b, nil
	}
	b, err := fs.ReadFile(f.fsys, f.name)
	if err != nil {
		return nil, fmt.Errorf("clientbundle: %w", err)
	}
	f.forms = map[string][]byte{identity: b}
	return b, nil
}

// encode compresses plain with the given coding.
func encode(plain []byte, coding string) ([]byte, error) {
	if coding == identity {
		return plain, nil
	}
	var out bytes.Buffer
	w, err := compressor(&out, coding)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(out.Bytes()), nil
}

// compressor wraps w in the writer of the given coding.
func compressor(w io.Writer, coding string) (io.WriteCloser, error) {
	switch coding {
	case br:
		return brotli.NewWriterLevel(w, brotliLevel), nil
	case gz:
		return gzip.NewWriterLevel(w, gzip.BestCompression)
	case deflate:
		return zlib.NewWriterLevel(w, zlib.BestCompression)
	}
	return nil, fmt.Errorf("clientbundle: unknown content coding %q", coding)
}
