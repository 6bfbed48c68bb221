package conformance

import (
	"fmt"
	"unicode/utf8"
)

// The suite's payloads for section 6.
const (
	greeting = "Hello-µ@ßöäüàá-UTF-8!!"
	greek    = "\u03ba\u1f79\u03c3\u03bc\u03b5"      // the second one takes three bytes
	wrong    = greek + "\xed\xa0\x80" + "edited"     // a surrogate
	beyond   = greek + "\xf4\x90\x80\x80" + "edited" // above U+10FFFF
	atFault  = len(greek) + 1                        // the offset of the byte that makes beyond invalid
)

// utf8Cases is section 6.
func utf8Cases() []autobahnCase {
	valid := func(id, what, remark, payload string, frames ...[]byte) autobahnCase {
		return autobahnCase{
			id: id, what: what, remark: remark,
			steps: []step{{writes: joined(frames...), events: 1}, closing()},
			ok:    echoes(message(opText, payload)),
		}
	}
	cases := []autobahnCase{
		valid("6.1.1", "empty text", `sent as "4"`, "4", frame(final|opText, "4")),
		valid("6.1.2", "text in 3 empty fragments", `the first is "4"`, "4",
			frame(opText, "4"), frame(opContinuation, ""), frame(final|opContinuation, "")),
		valid("6.1.3", "text in 3 fragments, the first and the last empty", `the first is "4"`, "4middle frame payload",
			frame(opText, "4"), frame(opContinuation, "middle frame payload"), frame(final|opContinuation, "")),
		valid("6.2.1", "text that is not ASCII", "", "4"+greeting, frame(final|opText, "4"+greeting)),
		valid("6.2.2", "text in 2 fragments, cut between characters", "", "4"+greeting,
			frame(opText, "4Hello-µ@ßöä"), frame(final|opContinuation, "üàá-UTF-8!!")),
		valid("6.2.3", "text in fragments of 1 byte", "", "4"+greeting, fragments(opText, "4"+greeting, 1)...),
		valid("6.2.4", "Greek text in fragments of 1 byte", "", "4"+greek, fragments(opText, "4"+greek, 1)...),
		{
			id: "6.3.1", what: "text with a surrogate",
			steps: []step{{writes: [][]byte{frame(final|opText, "4"+wrong)}}}, ok: fails(1007),
		},
		{
			id: "6.3.2", what: "text with a surrogate, in fragments of 1 byte",
			steps: []step{{writes: fragments(opText, "4"+wrong, 1)}}, ok: fails(1007),
		},
	}
	const first, last = len(greek), len(greek) + 4 // of what is above U+10FFFF
	cases = append(cases,
		failFast("6.4.1", "text above U+10FFFF, in 3 fragments", "4"+beyond[:first], beyond[first:last], beyond[last:], true),
		failFast("6.4.2", "text above U+10FFFF, in 3 fragments, the second is the byte that makes it invalid",
			"4"+beyond[:atFault], beyond[atFault:atFault+1], beyond[atFault+1:], true),
		failFast("6.4.3", "text above U+10FFFF, one frame in 3 writes", "4"+beyond[:first], beyond[first:last], beyond[last:], false),
		failFast("6.4.4", "text above U+10FFFF, one frame in 3 writes, the second is the byte that makes it invalid",
			"4"+beyond[:atFault], beyond[atFault:atFault+1], beyond[atFault+1:], false),
	)
	for i, group := range sequences() {
		for j, payload := range group.payloads {
			id := fmt.Sprintf("6.%d.%d", i+5, j+1)
			what := fmt.Sprintf("%s: %x", group.what, payload)
			c := valid(id, what, "", "4"+payload, frame(final|opText, "4"+payload))
			if !utf8.ValidString(payload) {
				c.what += ", refused"
				c.steps, c.ok = c.steps[:1], fails(1007)
				c.steps[0].events = 0
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// failFast sends a text in three parts, of which the second makes it invalid.
// The suite wants it refused then; before the third is right too.
func failFast(id, what, one, two, three string, asFragments bool) autobahnCase {
	parts := [][]byte{frame(opText, one), frame(opContinuation, two), frame(final|opContinuation, three)}
	if !asFragments {
		whole := frame(final|opText, one+two+three)
		body := len(whole) - len(one+two+three)
		parts = [][]byte{whole[:body+len(one)], whole[body+len(one) : body+len(one+two)], whole[body+len(one+two):]}
	}
	return autobahnCase{
		id: id, what: what, remark: "refused when the message is whole",
		steps: []step{
			{writes: parts[:1], settles: true},
			{writes: parts[1:2], settles: true},
			{writes: parts[2:]},
		},
		ok:        [][]string{{waits, closed(1007)}},
		nonStrict: [][]string{{waits, waits, closed(1007)}},
	}
}

// sequences are Markus Kuhn's tests of UTF-8 decoders, by which the suite makes
// its cases from 6.5 on.
func sequences() []struct {
	what     string
	payloads []string
} {
	var continuation []byte
	for c := byte(0x80); c < 0xbf; c++ {
		continuation = append(continuation, c)
	}
	prefixes := func(s string) (all []string) {
		for i := range len(s) {
			all = append(all, s[:i+1])
		}
		return all
	}
	starts := func(bounds ...byte) (all []string) {
		for i := 0; i < len(bounds); i += 2 {
			var s []byte
			for c := bounds[i]; c < bounds[i+1]; c++ {
				s = append(s, c, ' ')
			}
			all = append(all, string(s))
		}
		return all
	}
	noncharacters := []string{"\uFFFE", "\uFFFF"}
	for plane := rune(1); plane <= 16; plane++ {
		noncharacters = append(noncharacters, string(plane<<16|0xfffe), string(plane<<16|0xffff))
	}
	incomplete := []string{"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
		"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf"}
	var together string
	for _, s := range incomplete {
		together += s
	}
	return []struct {
		what     string
		payloads []string
	}{
		{"valid text", []string{"hello$world", "hello¢world", "hello€world", "hello\U00024b62world", greek}},
		{"prefix of a valid text", prefixes(greek)},
		{"first of a length", []string{"\x00", "\u0080", "\u0800", "\U00010000"}},
		{"first of 5 or 6 bytes", []string{"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"}},
		{"last of a length", []string{"\x7f", "\u07ff", "\uffff", "\U0010ffff"}},
		{"last of 4, 5 or 6 bytes", []string{"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"}},
		{"at a bound", []string{"\ud7ff", "\ue000", "\ufffd", "\U0010ffff", "\xf4\x90\x80\x80"}},
		{"continuation bytes", []string{"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf",
			"\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf", string(continuation)}},
		{"first bytes alone", starts(0xc0, 0xdf, 0xe0, 0xef, 0xf0, 0xf7, 0xf8, 0xfb, 0xfc, 0xfd)},
		{"last byte missing", incomplete},
		{"incomplete sequences together", []string{together}},
		{"impossible bytes", []string{"\xfe", "\xff", "\xfe\xfe\xff\xff"}},
		{"overlong slash", []string{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"}},
		{"longest overlong", []string{"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"}},
		{"overlong NUL", []string{"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"}},
		{"surrogate", []string{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"}},
		{"pair of surrogates", []string{"\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80", "\xed\xad\xbf\xed\xbf\xbf",
			"\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf", "\xed\xaf\xbf\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf"}},
		{"noncharacter", noncharacters},
		{"special", []string{"\ufff9", "\ufffa", "\ufffb", "\ufffc", "\ufffd", "\ufffe", "\uffff"}},
	}
}
