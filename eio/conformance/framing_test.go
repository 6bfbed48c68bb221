package conformance

import (
	"bytes"
	"fmt"
	"strings"
)

// hello is the suite's small text message.
const hello = "4Hello, world!"

// bytes8 is the suite's small payload that is not UTF-8.
const bytes8 = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"

// framing is section 1: messages of the lengths at which the header changes.
func framing() (cases []autobahnCase) {
	lengths := []int{0, 125, 126, 127, 128, 65535, 65536}
	for kind, op := range []byte{opText, opBinary} {
		for i, n := range append(lengths, 65536) {
			name, payload, remark := "binary", strings.Repeat("\xfe", n), ""
			if op == opText {
				name, payload = "text", "4"+strings.Repeat("*", max(0, n-1))
				if n == 0 {
					remark = `sent as "4"`
				}
			}
			c := autobahnCase{
				id: fmt.Sprintf("1.%d.%d", kind+1, i+1), what: fmt.Sprintf("%s message of %d bytes", name, n), remark: remark,
				steps: []step{{writes: [][]byte{frame(final|op, payload)}, events: 1}, closing()},
				ok:    echoes(message(op, payload)),
			}
			if i == len(lengths) {
				c.what += ", in writes of 997"
				c.steps[0].writes = chopped(997, frame(final|op, payload))
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// pings is section 2.
func pings() (cases []autobahnCase) {
	long := strings.Repeat("\xfe", 125)
	for i, p := range []struct{ what, payload string }{
		{"ping without payload", ""},
		{"ping with text", "Hello, world!"},
		{"ping with bytes that are not UTF-8", bytes8},
		{"ping of 125 bytes", long},
	} {
		cases = append(cases, autobahnCase{
			id: fmt.Sprintf("2.%d", i+1), what: p.what,
			steps: []step{{writes: [][]byte{frame(final|opPing, p.payload)}, events: 1}, closing()},
			ok:    echoes(message(opPong, p.payload)),
		})
	}
	var ten, answers = [][]byte(nil), []string(nil)
	for i := range 10 {
		payload := fmt.Sprintf("payload-%d", i)
		ten = append(ten, frame(final|opPing, payload))
		answers = append(answers, message(opPong, payload))
	}
	unsolicited := frame(final|opPong, "unsolicited pong payload")
	return append(cases,
		autobahnCase{
			id: "2.5", what: "ping of 126 bytes",
			steps: []step{{writes: [][]byte{frame(final|opPing, long+"\xfe")}}},
			ok:    fails(1002),
		},
		autobahnCase{
			id: "2.6", what: "ping of 125 bytes, byte by byte",
			steps: []step{{writes: chopped(1, frame(final|opPing, long)), events: 1}, closing()},
			ok:    echoes(message(opPong, long)),
		},
		autobahnCase{
			id: "2.7", what: "pong without payload that answers nothing",
			steps: []step{{writes: [][]byte{frame(final|opPong, "")}}, closing()},
			ok:    echoes(),
		},
		autobahnCase{
			id: "2.8", what: "pong with payload that answers nothing",
			steps: []step{{writes: [][]byte{unsolicited}}, closing()},
			ok:    echoes(),
		},
		autobahnCase{
			id: "2.9", what: "pong that answers nothing, then ping",
			steps: []step{{writes: joined(unsolicited, frame(final|opPing, "ping payload")), events: 1}, closing()},
			ok:    echoes(message(opPong, "ping payload")),
		},
		autobahnCase{
			id: "2.10", what: "ten pings",
			steps: []step{{writes: ten, events: 10}, closing()},
			ok:    echoes(answers...),
		},
		autobahnCase{
			id: "2.11", what: "ten pings, byte by byte",
			steps: []step{{writes: chopped(1, ten...), events: 10}, closing()},
			ok:    echoes(answers...),
		},
	)
}

// wrongFrame is a case in which the server fails the connection because of bad.
// By form it comes alone, or behind a message and before a ping in one write,
// or frame by frame, or byte by byte.
func wrongFrame(id, what string, bad []byte, form int) autobahnCase {
	c := autobahnCase{id: id, what: what, steps: []step{{writes: [][]byte{bad}}}, ok: fails(1002)}
	if form == alone {
		return c
	}
	frames := [][]byte{frame(final|opText, hello), bad, frame(final|opPing, "")}
	c.ok, c.nonStrict = fails(1002, message(opText, hello)), fails(1002)
	switch form {
	case inOneWrite:
		c.what += ", between a message and a ping"
		c.steps[0].writes = joined(frames...)
	case byFrame:
		c.what += ", between a message and a ping, frame by frame"
		c.steps[0].writes = frames
	case byByte:
		c.what += ", between a message and a ping, byte by byte"
		c.steps[0].writes = chopped(1, frames...)
	}
	return c
}

const (
	alone = iota
	inOneWrite
	byFrame
	byByte
)

// reserved is section 3: reserved bits.
func reserved() []autobahnCase {
	rsv := func(n byte) byte { return final | n<<4 }
	return []autobahnCase{
		wrongFrame("3.1", "text with RSV 1", frame(rsv(1)|opText, hello), alone),
		wrongFrame("3.2", "text with RSV 2", frame(rsv(2)|opText, hello), inOneWrite),
		wrongFrame("3.3", "text with RSV 3", frame(rsv(3)|opText, hello), byFrame),
		wrongFrame("3.4", "text with RSV 4", frame(rsv(4)|opText, hello), byByte),
		wrongFrame("3.5", "binary with RSV 5", frame(rsv(5)|opBinary, bytes8), alone),
		wrongFrame("3.6", "ping with RSV 6", frame(rsv(6)|opPing, "Hello, world!"), alone),
		wrongFrame("3.7", "close with RSV 7", frame(rsv(7)|opClose, ""), alone),
	}
}

// opcodes is section 4: reserved opcodes.
func opcodes() (cases []autobahnCase) {
	for kind, first := range []byte{3, 11} {
		for i := range byte(5) {
			op, payload := first+i, []string{"", "reserved opcode payload", "", hello, hello}[i]
			what := fmt.Sprintf("opcode %d without payload", op)
			if payload != "" {
				what = fmt.Sprintf("opcode %d with payload", op)
			}
			form := []int{alone, alone, inOneWrite, inOneWrite, byByte}[i]
			cases = append(cases, wrongFrame(fmt.Sprintf("4.%d.%d", kind+1, i+1), what, frame(final|op, payload), form))
		}
	}
	return cases
}

// fragmented is section 5.
func fragmented() (cases []autobahnCase) {
	const one, two = "4fragment1", "fragment2"
	text := [][]byte{frame(opText, one), frame(final|opContinuation, two)}
	withPing := [][]byte{text[0], frame(final|opPing, "ping payload"), text[1]}
	lone := func(fin byte) [][]byte {
		return [][]byte{frame(fin|opContinuation, "non-continuation payload"), frame(final|opText, hello)}
	}
	forms := []struct {
		suffix string
		cut    func(frames ...[]byte) [][]byte
	}{
		{"", joined},
		{", frame by frame", func(frames ...[]byte) [][]byte { return frames }},
		{", byte by byte", func(frames ...[]byte) [][]byte { return chopped(1, frames...) }},
	}
	add := func(what string, writes [][]byte, ok [][]string, events int) {
		c := autobahnCase{id: fmt.Sprintf("5.%d", len(cases)+1), what: what, ok: ok, steps: []step{{writes: writes, events: events}}}
		if events > 0 {
			c.steps = append(c.steps, closing())
		}
		cases = append(cases, c)
	}
	add("ping in 2 fragments", joined(frame(opPing, "fragment1"), frame(final|opContinuation, two)), fails(1002), 0)
	add("pong in 2 fragments", joined(frame(opPong, "fragment1"), frame(final|opContinuation, two)), fails(1002), 0)
	for _, form := range forms {
		add("text in 2 fragments"+form.suffix, form.cut(text...), echoes(message(opText, one+two)), 1)
	}
	for _, form := range forms {
		add("text in 2 fragments with a ping between"+form.suffix, form.cut(withPing...),
			echoes(message(opPong, "ping payload"), message(opText, one+two)), 2)
	}
	for _, form := range forms {
		add("final continuation of nothing, then text"+form.suffix, form.cut(lone(final)...), fails(1002), 0)
	}
	for _, form := range forms {
		add("continuation of nothing, then text"+form.suffix, form.cut(lone(0)...), fails(1002), 0)
	}
	add("text in 2 fragments, then continuation of nothing, then text",
		joined(text[0], text[1], frame(opContinuation, "fragment3"), frame(final|opText, "4fragment4")),
		fails(1002, message(opText, one+two)), 0)
	cases[len(cases)-1].nonStrict = fails(1002)
	for _, fin := range []byte{0, final} {
		twice := joined(frame(fin|opContinuation, "fragment1"), frame(opText, "4fragment2"), frame(final|opContinuation, "fragment3"))
		what := "continuation"
		if fin != 0 {
			what = "final continuation"
		}
		add("twice "+what+" of nothing, then text in 2 fragments", [][]byte{bytes.Repeat(twice[0], 2)}, fails(1002), 0)
	}
	add("text in 2 fragments that both have the opcode of text", joined(text[0], frame(final|opText, "4fragment2")), fails(1002), 0)
	return append(cases, pingsBetween("5.19", joined), pingsBetween("5.20", forms[1].cut))
}

// pingsBetween is text in 5 fragments with two pings between. The first one is
// answered before the last fragments are sent.
func pingsBetween(id string, cut func(frames ...[]byte) [][]byte) autobahnCase {
	c := autobahnCase{
		id: id, what: "text in 5 fragments with 2 pings between",
		steps: []step{
			{writes: cut(frame(opText, "4fragment1"), frame(opContinuation, "fragment2"), frame(final|opPing, "pongme 1!")), events: 1},
			{writes: cut(frame(opContinuation, "fragment3"), frame(opContinuation, "fragment4"),
				frame(final|opPing, "pongme 2!"), frame(final|opContinuation, "fragment5")), events: 2},
			closing(),
		},
		ok: echoes(message(opPong, "pongme 1!"), message(opPong, "pongme 2!"), message(opText, "4fragment1fragment2fragment3fragment4fragment5")),
	}
	if id == "5.20" {
		c.what += ", frame by frame"
	}
	return c
}
