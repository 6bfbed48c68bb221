//go:build linux

package load

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

var errCompressed = errors.New("the server sent a compressed message, but the client has not offered to read one")

// inflater reads the messages of permessage-deflate without context takeover. A
// broadcast's message comes for one client after the other, so the last one is
// kept inflated: the load must cost less than the server.
type inflater struct {
	last, text []byte // last has deflateTail behind it
	input      bytes.Reader
	reader     io.ReadCloser
}

// deflateTail is what senders leave out at the end of a message (RFC 7692,
// 7.2.1), and a final empty block.
const deflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// message returns the text of a message, valid until the next call.
func (i *inflater) message(compressed []byte) ([]byte, error) {
	if i.text != nil && bytes.Equal(compressed, i.last[:len(i.last)-len(deflateTail)]) {
		return i.text, nil
	}
	i.last = append(append(i.last[:0], compressed...), deflateTail...)
	i.input.Reset(i.last)
	if i.reader == nil {
		i.reader = flate.NewReader(&i.input)
	} else if err := i.reader.(flate.Resetter).Reset(&i.input, nil); err != nil {
		return nil, err
	}
	text := bytes.NewBuffer(i.text[:0])
	i.text = nil
	if _, err := io.Copy(text, io.LimitReader(i.reader, maxHeld)); err != nil {
		return nil, fmt.Errorf("a compressed message: %w", err)
	}
	i.text = text.Bytes()
	return i.text, nil
}
