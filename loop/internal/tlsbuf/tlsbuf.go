// Package tlsbuf lends crypto/tls the buffers that a [tls.Conn] otherwise keeps
// for its life: as large as its first message from the peer, and as the largest
// record since. An idle connection then has none.
//
// Package tls has no method for that, so this package finds the fields by their
// names and types. Where they are different, it does nothing, and connections
// keep their buffers.
package tlsbuf

import (
	"bytes"
	"crypto/tls"
	"reflect"
	"unsafe"
)

// RecordSize is the size of a buffer that holds any record, and what package
// tls wants to read beyond it.
const RecordSize = 5 + 16<<10 + 2<<10 + 2*bytes.MinRead

// fields are the places of a tls.Conn's buffers.
type fields struct {
	rawInput uintptr // bytes.Buffer: a record as it came
	hand     uintptr // bytes.Buffer: messages of handshakes
	input    uintptr // bytes.Reader: what is left of a decrypted record, in rawInput
}

// at are the places; Known reports whether they were found.
var at, Known = find(reflect.TypeFor[tls.Conn]())

func find(conn reflect.Type) (f fields, ok bool) {
	for _, want := range []struct {
		name string
		is   reflect.Type
		at   *uintptr
	}{
		{"rawInput", reflect.TypeFor[bytes.Buffer](), &f.rawInput},
		{"hand", reflect.TypeFor[bytes.Buffer](), &f.hand},
		{"input", reflect.TypeFor[bytes.Reader](), &f.input},
	} {
		field, found := conn.FieldByName(want.name)
		if !found || field.Type != want.is {
			return fields{}, false
		}
		*want.at = field.Offset
	}
	return f, true
}

// Lend has c read records into buf until Reclaim. No method of c may run
// meanwhile, or at the same time as Lend or Reclaim, on another goroutine.
func Lend(c *tls.Conn, buf []byte) {
	if !Known {
		return
	}
	if raw := field[bytes.Buffer](c, at.rawInput); raw.Len() == 0 {
		*raw = *bytes.NewBuffer(buf[:0])
	}
}

// Reclaim takes the buffers that c does not need. The bytes of a record that is
// not complete, or not read, are moved out of the buffer that was lent. handLen is
// how many bytes c keeps of a message of a handshake that is not complete.
func Reclaim(c *tls.Conn) (handLen int) {
	if !Known {
		return 0
	}
	raw, hand, input := field[bytes.Buffer](c, at.rawInput), field[bytes.Buffer](c, at.hand), field[bytes.Reader](c, at.input)
	if input.Len() == 0 {
		*input = bytes.Reader{}
	} else {
		rest := make([]byte, input.Len())
		_, _ = input.Read(rest) // can't fail
		input.Reset(rest)
	}
	if raw.Len() == 0 {
		*raw = bytes.Buffer{}
	} else {
		*raw = *bytes.NewBuffer(bytes.Clone(raw.Bytes()))
	}
	if hand.Len() == 0 {
		*hand = bytes.Buffer{}
	}
	return hand.Len()
}

func field[T any](c *tls.Conn, offset uintptr) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(c), offset))
}
