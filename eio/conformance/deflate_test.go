package conformance

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// The suite sends 1,000 messages in each case of sections 12 and 13, 12 GB
// together. The first few meet all that the server does with a message: it
// keeps nothing from one to the next.
var messages = flag.Int("messages", 4, "how many messages each case of Autobahn's sections 12 and 13 sends; the suite sends 1,000")

// deflateCase is a case of section 12 or 13: messages of one size and content,
// whole or in fragments, compressed by the parameters that the offer leads to.
type deflateCase struct {
	id, what      string
	size          int
	fragment      int // 0 for none
	content       content
	offer, answer string // Sec-WebSocket-Extensions of the request and of the answer
}

// deflateCases run against a server that compresses whatever is not empty.
func deflateCases(t *testing.T) (cases []tableCase) {
	_, engine := startEcho(t, eio.Config{PerMessageDeflate: &eio.PerMessageDeflate{Threshold: eio.CompressAll}})
	addr := engine.Addr().String()
	for _, c := range append(contentCases(), parameterCases()...) {
		cases = append(cases, tableCase{c.id, func(t *testing.T) string {
			c.play(t, addr)
			outcome := "OK"
			if t.Failed() {
				outcome = "FAILED"
			}
			return c.id + "\t" + outcome + "\t" + c.what
		}})
	}
	return cases
}

const (
	extension = "permessage-deflate"
	offered   = extension + "; client_no_context_takeover; client_max_window_bits"
	accepted  = extension + "; server_no_context_takeover; client_no_context_takeover"
)

// contentCases is section 12.
func contentCases() (cases []deflateCase) {
	for i, content := range contents() {
		cases = append(cases, deflateCase{
			id: fmt.Sprintf("12.%d", i+1), what: content.name, content: content, offer: offered, answer: accepted,
		}.shapes()...)
	}
	return cases
}

// parameterCases is section 13.
func parameterCases() (cases []deflateCase) {
	const without, bits9, bits15 = "; server_no_context_takeover", "; server_max_window_bits=9", "; server_max_window_bits=15"
	for i, p := range []struct{ what, offer, answer string }{
		{"no parameters", offered, accepted},
		{"no context takeover", offered + without, accepted},
		{"window of 9 bits", offered + bits9, accepted + bits9},
		{"window of 15 bits", offered + bits15, accepted + bits15},
		{"no context takeover, window of 9 bits", offered + without + bits9, accepted + bits9},
		{"no context takeover, window of 15 bits", offered + without + bits15, accepted + bits15},
		{"three offers", offered + without + bits9 + ", " + offered + without + ", " + offered, accepted + bits9},
	} {
		cases = append(cases, deflateCase{
			id: fmt.Sprintf("13.%d", i+1), what: p.what, content: contents()[0], offer: p.offer, answer: p.answer,
		}.shapes()...)
	}
	return cases
}

// shapes are the cases of a section that differ by the sizes of messages and
// fragments.
func (c deflateCase) shapes() (cases []deflateCase) {
	section, what := c.id, c.what
	for i, s := range [][2]int{
		{16, 0}, {64, 0}, {256, 0}, {1024, 0}, {4096, 0}, {8192, 0}, {16384, 0}, {32768, 0}, {65536, 0}, {131072, 0},
		{8192, 256}, {16384, 256}, {32768, 256}, {65536, 256}, {131072, 256}, {131072, 1024}, {131072, 4096}, {131072, 32768},
	} {
		c.id, c.size, c.fragment = fmt.Sprintf("%s.%d", section, i+1), s[0], s[1]
		c.what = fmt.Sprintf("%s, messages of %d bytes", what, c.size)
		if c.fragment > 0 {
			c.what += fmt.Sprintf(" in fragments of %d", c.fragment)
		}
		cases = append(cases, c)
	}
	return cases
}

// play exchanges the messages, each one once the one before is back.
func (c *deflateCase) play(t *testing.T, addr string) {
	conn := eiotest.DialTCP(t, addr)
	conn.WriteString(eiotest.UpgradeRequest(target, "Sec-WebSocket-Extensions", c.offer))
	if r := conn.ReadResponse(); r.Status != 101 || r.Header.Get("Sec-WebSocket-Extensions") != c.answer {
		t.Fatalf("%d %q, want %q", r.Status, r.Header.Get("Sec-WebSocket-Extensions"), c.answer)
	}
	if open := inflate(t, conn.Next()); open == "" || open[0] != '0' {
		t.Fatalf("got %q, want an open packet", open)
	}
	compressor, err := flate.NewWriter(io.Discard, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	for i := range *messages {
		payload := c.content.part(i*c.size, c.size)
		if c.content.op == opText {
			payload = "4" + payload[1:]
		}
		for _, f := range fragments(rsv1|c.content.op, deflated(t, compressor, payload), c.fragment) {
			conn.WriteString(string(f))
		}
		f := conn.Next()
		if f.First != final|rsv1|c.content.op || inflate(t, f) != payload {
			t.Fatalf("message %d: the answer begins with %#x and has %d bytes for %d", i, f.First, len(f.Payload), len(payload))
		}
	}
	conn.WriteFrame(final|opClose, []byte(status(1000, "")))
	conn.ExpectClose(1000)
}

// deflated compresses a message (RFC 7692 section 7.2.1).
func deflated(t *testing.T, compressor *flate.Writer, payload string) string {
	t.Helper()
	var out bytes.Buffer
	compressor.Reset(&out)
	if _, err := io.WriteString(compressor, payload); err != nil {
		t.Fatal(err)
	}
	if err := compressor.Flush(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(out.String(), tail)
}

// tail is what the sender of a compressed message leaves out at its end.
const tail = "\x00\x00\xff\xff"

// inflate returns the payload of a whole message (RFC 7692 section 7.2.2).
func inflate(t *testing.T, f eiotest.Frame) string {
	t.Helper()
	if f.First&rsv1 == 0 {
		return string(f.Payload)
	}
	const last = "\x01\x00\x00\xff\xff" // an empty final block, so that the reader finds an end
	b, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(f.Payload), strings.NewReader(tail+last))))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// content is a source of messages.
type content struct {
	name string
	op   byte
	data string
}

// part returns n bytes from an offset on; the end is followed by the beginning.
func (c *content) part(offset, n int) string {
	at := offset % len(c.data)
	return strings.Repeat(c.data[at:]+c.data[:at], 1+n/len(c.data))[:n]
}

// contents stand for the suite's five files, and are the same in each run.
func contents() []content {
	random := rand.New(rand.NewPCG(12, 13))
	var words []string
	for range 2000 {
		word := make([]byte, 2+random.IntN(9))
		for i := range word {
			word[i] = 'a' + byte(random.IntN(26)*random.IntN(26)/26) // some letters more often
		}
		words = append(words, string(word))
	}
	// grow repeats what makes parts until there are as many bytes as in the
	// suite's files of text.
	grow := func(part func() string) string {
		var s strings.Builder
		for s.Len() < 200_000 {
			s.WriteString(part())
		}
		return s.String()
	}
	prose := func() string {
		return words[random.IntN(len(words))] + []string{" ", " ", " ", ", ", ".\n"}[random.IntN(5)]
	}
	record := func() string {
		b, _ := json.Marshal(map[string]any{
			"id": random.IntN(100_000), "name": words[random.IntN(len(words))], "tags": words[random.IntN(100):][:3],
			"position": []float64{random.Float64(), random.Float64()}, "active": random.IntN(2) == 0,
		})
		return string(b) + ",\n"
	}
	row := func() string {
		return fmt.Sprintf("<tr class=\"%s\"><td>%d</td><td><a href=\"/%s\">%s</a></td></tr>\n",
			words[random.IntN(10)], random.IntN(1000), words[random.IntN(500)], words[random.IntN(500)])
	}
	level := 128
	pixel := func() string {
		level = min(max(level+random.IntN(9)-4, 0), 255)
		return string([]byte{byte(level)})
	}
	noise := func() string {
		b := make([]byte, 512)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return prose() + string(b)
	}
	return []content{
		{"JSON", opText, grow(record)},
		{"bitmap", opBinary, grow(pixel)},
		{"prose", opBinary, grow(prose)},
		{"HTML", opText, grow(row)},
		{"compressed file", opBinary, grow(noise)},
	}
}
