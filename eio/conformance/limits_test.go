package conformance

import (
	"fmt"
	"strings"
)

// filled returns a payload of n bytes, with the packet's type if it is for
// text.
func filled(op byte, pattern string, n int) string {
	if op == opText {
		return "4" + filled(opBinary, pattern, n-1)
	}
	return strings.Repeat(pattern, 1+n/len(pattern))[:n]
}

var kinds = []struct {
	op            byte
	name, pattern string
}{{opText, "text", "BAsd7&jh23"}, {opBinary, "binary", "\x00\xfe\x23\xfa\xf0"}}

// limits is section 9: large messages, messages in many pieces, and many
// messages.
func limits() (cases []autobahnCase) {
	sizes := []int{64 << 10, 256 << 10, 1 << 20, 4 << 20, 8 << 20, 16 << 20}
	pieces := []int{64, 256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20}
	chops := []int{64, 128, 256, 512, 1024, 2048}
	add := func(section, i int, what string, op byte, payload string, writes func() [][]byte) {
		cases = append(cases, autobahnCase{
			id: fmt.Sprintf("9.%d.%d", section, i+1), what: what,
			steps: []step{{makes: writes, events: 1}, closing()},
			ok:    echoes(message(op, payload)),
		})
	}
	for k, kind := range kinds {
		for i, n := range sizes {
			add(1+k, i, fmt.Sprintf("%s of %d bytes", kind.name, n), kind.op, filled(kind.op, kind.pattern, n),
				func() [][]byte { return [][]byte{frame(final|kind.op, filled(kind.op, kind.pattern, n))} })
		}
	}
	for k, kind := range kinds {
		payload := filled(kind.op, kind.pattern, 4<<20)
		for i, n := range pieces {
			add(3+k, i, fmt.Sprintf("%s of 4 MiB in fragments of %d bytes", kind.name, n), kind.op, payload,
				func() [][]byte { return joined(fragments(kind.op, payload, n)...) })
		}
	}
	for k, kind := range kinds {
		payload := filled(kind.op, kind.pattern, 1<<20)
		for i, n := range chops {
			add(5+k, i, fmt.Sprintf("%s of 1 MiB in writes of %d bytes", kind.name, n), kind.op, payload,
				func() [][]byte { return chopped(n, frame(final|kind.op, payload)) })
		}
	}
	for k, kind := range kinds {
		for i, n := range []int{0, 16, 64, 256, 1024, 4096} {
			cases = append(cases, oneByOne(fmt.Sprintf("9.%d.%d", 7+k, i+1), kind.op, kind.name, n))
		}
	}
	return cases
}

// oneByOne sends 1,000 messages, each one once the one before is back.
func oneByOne(id string, op byte, name string, n int) autobahnCase {
	c := autobahnCase{id: id, what: fmt.Sprintf("1,000 %s messages of %d bytes, one after the other", name, n)}
	payload := filled(opBinary, "*", n)
	if op == opText {
		payload = filled(op, "*", max(1, n))
		if n == 0 {
			c.remark = `sent as "4"`
		}
	}
	var events []string
	for range 1000 {
		c.steps = append(c.steps, step{writes: [][]byte{frame(final|op, payload)}, events: 1})
		events = append(events, message(op, payload))
	}
	c.steps = append(c.steps, closing())
	c.ok = echoes(events...)
	return c
}

// automatic is section 10: the client's library cuts messages by itself.
func automatic() []autobahnCase {
	payload := filled(opText, "*", 65536)
	return []autobahnCase{{
		id: "10.1.1", what: "text of 65536 bytes in fragments of 1300 bytes",
		steps: []step{{writes: fragments(opText, payload, 1300), events: 1}, closing()},
		ok:    echoes(message(opText, payload)),
	}}
}
