package conformance

import (
	"slices"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
)

// TestEngine sends WebSocket messages that are right for Autobahn and no
// packets of Engine.IO, or not messages of it: what the suite's cases leave out
// because of the '4' in front.
func TestEngine(t *testing.T) {
	srv, engine := startEcho(t, eio.Config{})
	addr := engine.Addr().String()
	p := &player{srv, addr, dial(t, addr)}
	var all []tableCase
	for _, c := range []struct {
		id, what string
		frames   [][]byte
	}{
		{"empty", "empty text", [][]byte{frame(final|opText, "")}},
		{"empty-fragments", "text in 3 empty fragments", [][]byte{frame(opText, ""), frame(opContinuation, ""), frame(final|opContinuation, "")}},
		{"no-type", "text that begins with no type", [][]byte{frame(final|opText, "Hello, world!")}},
		{"type-7", "text with a type that does not exist", [][]byte{frame(final|opText, "7")}},
		{"open", "packet of type open, then a message", [][]byte{frame(final|opText, "0{}"), frame(final|opText, "4a")}},
		{"close", "packet of type close", [][]byte{frame(final|opText, "1")}},
		{"ping", "packet of type ping, then a message", [][]byte{frame(final|opText, "2"), frame(final|opText, "4a")}},
		{"pong", "packet of type pong, then a message", [][]byte{frame(final|opText, "3"), frame(final|opText, "4a")}},
		{"upgrade", "packet of type upgrade, then a message", [][]byte{frame(final|opText, "5"), frame(final|opText, "4a")}},
		{"noop", "packet of type noop, then a message", [][]byte{frame(final|opText, "6"), frame(final|opText, "4a")}},
		{"base64", "binary data as polling has it, then a message", [][]byte{frame(final|opText, "bAQID"), frame(final|opText, "4a")}},
		{"binary-type", "binary message that begins with a type", [][]byte{frame(final|opBinary, "1")}},
	} {
		all = append(all, tableCase{c.id, func(t *testing.T) string {
			play := &autobahnCase{steps: []step{{writes: joined(c.frames...), settles: true}, {writes: [][]byte{frame(final|opPing, "end")}}}}
			events := slices.DeleteFunc(p.playUntil(t, play, message(opPong, "end")), func(e string) bool { return e == waits })
			return c.id + "\t" + strings.Join(events, ", ") + "\t" + c.what
		}})
	}
	readTable(t, "engine.txt", "").check(t, all)
}
