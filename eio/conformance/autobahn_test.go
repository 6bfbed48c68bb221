package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"net"
	"slices"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// autobahnCase is a case of the suite: what the client sends, and which events
// the suite expects until the connection ends. Events are texts as event makes
// them.
type autobahnCase struct {
	id, what  string
	steps     []step
	ok        [][]string // each is all that may come
	nonStrict [][]string
	// informs makes the outcome INFORMATIONAL. It begins the row's remark.
	informs string
	// remark follows the description in the table.
	remark string
}

// step is one part of a case: the client writes and then waits for a number of
// events.
type step struct {
	writes [][]byte
	makes  func() [][]byte // makes writes when they are large
	events int
	// settles makes the client wait until the server has read what was written,
	// and end the case if that was a violation. If not, that is the event
	// waits.
	settles bool
}

// closing is the client's last step in the cases that the client ends.
func closing() step { return step{writes: [][]byte{frame(final|opClose, "\x03\xe8")}} }

// The first bytes of frames (RFC 6455 section 5.2).
const (
	final = 0x80
	rsv1  = 0x40

	opContinuation = eiotest.OpContinuation
	opText         = eiotest.OpText
	opBinary       = eiotest.OpBinary
	opClose        = eiotest.OpClose
	opPing         = eiotest.OpPing
	opPong         = eiotest.OpPong
)

func frame(first byte, payload string) []byte {
	return eiotest.AppendFrame(nil, first, []byte(payload))
}

// status is the payload of a close frame.
func status(code uint16, reason string) string {
	return string([]byte{byte(code >> 8), byte(code)}) + reason
}

// joined sends all frames with one write.
func joined(frames ...[]byte) [][]byte { return [][]byte{bytes.Join(frames, nil)} }

// chopped sends all frames in writes of n bytes.
func chopped(n int, frames ...[]byte) [][]byte {
	return slices.Collect(slices.Chunk(bytes.Join(frames, nil), n))
}

// fragments are the frames of a message that is cut every n bytes, or not at
// all when n is 0. rsv1 may be set in op.
func fragments(op byte, message string, n int) (frames [][]byte) {
	for n > 0 && len(message) > n {
		frames = append(frames, frame(op, message[:n]))
		message, op = message[n:], opContinuation
	}
	return append(frames, frame(final|op, message))
}

// event describes what has come as one line.
func event(f eiotest.Frame) string {
	names := map[byte]string{opText: "text", opBinary: "binary", opPong: "pong"}
	name, known := names[f.Opcode()]
	switch {
	case f.First == final|opClose && len(f.Payload) == 0:
		return "close without status"
	case !known || f.First&^0x0f != final:
		return f.String()
	case len(f.Payload) > 200:
		return large(name, string(f.Payload))
	}
	return fmt.Sprintf("%s %q", name, f.Payload)
}

func large(name, payload string) string {
	return fmt.Sprintf("%s of %d bytes, %08x", name, len(payload), crc32.ChecksumIEEE([]byte(payload)))
}

// message is the event of a message that comes whole.
func message(op byte, payload string) string {
	return event(eiotest.Frame{First: final | op, Payload: []byte(payload)})
}

// closed is the event of a close frame without a reason; 0 stands for no
// status.
func closed(code uint16) string {
	if code == 0 {
		return event(eiotest.Frame{First: final | opClose})
	}
	return event(eiotest.Frame{First: final | opClose, Payload: []byte(status(code, ""))})
}

// echoes are the events of a case that the client ends after them.
func echoes(events ...string) [][]string { return [][]string{append(events, closed(1000))} }

// fails are the events of a case that the server ends with code after them.
func fails(code uint16, events ...string) [][]string {
	return [][]string{append(events, closed(code))}
}

// waits is the event that the server has read a part and seen nothing wrong.
const waits = "waits"

// player plays cases against a server.
type player struct {
	srv     *eio.Server
	addr    string
	witness *eiotest.Conn // another session
}

// play plays the case on a new connection and returns all that came.
func (p *player) play(t *testing.T, c *autobahnCase) (events []string) {
	return p.playUntil(t, c, "")
}

// playUntil is play that takes last for the end, as the end of the connection
// is.
func (p *player) playUntil(t *testing.T, c *autobahnCase, last string) (events []string) {
	conn := dial(t, p.addr)
	before := p.srv.Violations()
	next := func() bool {
		f, err := conn.ReadFrame()
		var timeout net.Error
		switch {
		case err == nil:
			events = append(events, event(f))
			return events[len(events)-1] != last
		case errors.As(err, &timeout) && timeout.Timeout():
			t.Fatalf("the connection lives on after %q", events)
		}
		return false
	}
	for _, s := range c.steps {
		writes := s.writes
		if s.makes != nil {
			writes = s.makes()
		}
		for _, b := range writes {
			if _, err := conn.Write(b); err != nil {
				break // the server has closed already
			}
		}
		for range s.events {
			if !next() {
				return events
			}
		}
		if s.settles {
			p.settle(t)
			if p.srv.Violations() > before {
				break
			}
			events = append(events, waits)
		}
	}
	for next() {
	}
	return events
}

// dial opens a session and reads its open packet.
func dial(t *testing.T, addr string, header ...string) *eiotest.Conn {
	t.Helper()
	conn := eiotest.Dial(t, addr, target, header...)
	if f := conn.Next(); len(f.Payload) == 0 || f.Payload[0] != '0' {
		t.Fatalf("got %v, want an open packet", f)
	}
	return conn
}

// settle waits until the loop has taken in what came before: it gets the events
// of its connections in the order in which they happened.
func (p *player) settle(t *testing.T) {
	t.Helper()
	p.witness.Text("4")
	p.witness.Expect("4")
}

// outcome compares what came with what the suite expects.
func (c *autobahnCase) outcome(t *testing.T, events []string) string {
	matches := func(want []string) bool { return slices.Equal(events, want) }
	switch {
	case c.informs != "" && slices.ContainsFunc(c.ok, matches):
		return "INFORMATIONAL"
	case slices.ContainsFunc(c.ok, matches):
		return "OK"
	case slices.ContainsFunc(c.nonStrict, matches):
		return "NON-STRICT"
	}
	t.Errorf("got %q\nwant one of %q", events, append(c.ok, c.nonStrict...))
	return "FAILED"
}

// row is the case's row of the table.
func (c *autobahnCase) row(outcome string) string {
	row := c.id + "\t" + outcome + "\t" + c.what
	if c.informs != "" {
		row += ": " + c.informs
	}
	if c.remark != "" {
		row += " (" + c.remark + ")"
	}
	return row
}

// TestAutobahn plays the suite's sections 1 to 7, 9, 10, 12 and 13.
func TestAutobahn(t *testing.T) {
	srv, engine := startEcho(t, eio.Config{})
	addr := engine.Addr().String()
	p := &player{srv, addr, dial(t, addr)}
	var all []tableCase
	for _, c := range slices.Concat(framing(), pings(), reserved(), opcodes(), fragmented(),
		utf8Cases(), closeCases(), limits(), automatic()) {
		all = append(all, tableCase{c.id, func(t *testing.T) string { return c.row(c.outcome(t, p.play(t, &c))) }})
	}
	all = append(all, deflateCases(t)...)
	readTable(t, "autobahn.txt", "").check(t, all)
}
