package conformance

import (
	"fmt"
	"strings"
)

// closeCases is section 7.
func closeCases() []autobahnCase {
	const small = "4Hello World!"
	normal := frame(final|opClose, status(1000, ""))
	long := "4" + strings.Repeat("BAsd7&jh23", 1+(256<<10)/10)[:256<<10-1]
	ends := func(id, what string, ok [][]string, frames ...[]byte) autobahnCase {
		return autobahnCase{id: id, what: what, steps: []step{{writes: joined(frames...)}}, ok: ok}
	}
	cases := []autobahnCase{
		{
			id: "7.1.1", what: "text, then close",
			steps: []step{{writes: [][]byte{frame(final|opText, small)}, events: 1}, closing()},
			ok:    echoes(message(opText, small)),
		},
		ends("7.1.2", "two closes", fails(1000), normal, frame(final|opClose, "")),
		ends("7.1.3", "close, then ping", fails(1000), normal, frame(final|opPing, "")),
		ends("7.1.4", "close, then text", fails(1000), normal, frame(final|opText, small)),
		ends("7.1.5", "close between 2 fragments of text", fails(1000),
			frame(opText, "4fragment1"), normal, frame(final|opContinuation, "fragment2")),
		ends("7.1.6", "text of 256 KiB, text, close and ping together", fails(1000, message(opText, long), message(opText, small)),
			frame(final|opText, long), frame(final|opText, small), normal, frame(final|opPing, "")),
		ends("7.3.1", "close without status", fails(0), frame(final|opClose, "")),
		ends("7.3.2", "close with 1 byte", fails(1002), frame(final|opClose, "a")),
		ends("7.3.3", "close with status", fails(1000), normal),
		ends("7.3.4", "close with status and reason", fails(1000), frame(final|opClose, status(1000, "Hello World!"))),
		ends("7.3.5", "close with a reason of 123 bytes", fails(1000), frame(final|opClose, status(1000, strings.Repeat("*", 123)))),
		ends("7.3.6", "close with a reason of 124 bytes", fails(1002), frame(final|opClose, status(1000, strings.Repeat("*", 124)))),
		ends("7.5.1", "close with a reason that is not UTF-8", append(fails(1002), fails(1007)...), frame(final|opClose, status(1000, wrong))),
	}
	cases[5].informs = "both messages are echoed before the close"
	add := func(section string, codes []uint16, what string, answer func(code uint16) [][]string) {
		for i, code := range codes {
			cases = append(cases, ends(fmt.Sprintf("7.%s.%d", section, i+1), fmt.Sprintf("close with the %s status %d", what, code),
				answer(code), frame(final|opClose, status(code, ""))))
		}
	}
	refused := func(uint16) [][]string { return fails(1002) }
	add("7", []uint16{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999}, "valid",
		func(code uint16) [][]string { return append(fails(1000), fails(code)...) })
	add("9", []uint16{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999}, "invalid", refused)
	add("13", []uint16{5000, 65535}, "undefined", refused)
	for i := range 2 {
		cases[len(cases)-1-i].informs = "refused with 1002"
	}
	return cases
}
