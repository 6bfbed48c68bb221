package eiotest

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// The opcodes of WebSocket frames (RFC 6455 section 5.2).
const (
	OpContinuation = 0x0
	OpText         = 0x1
	OpBinary       = 0x2
	OpClose        = 0x8
	OpPing         = 0x9
	OpPong         = 0xa
)

// Conn is a TCP connection, usually upgraded to WebSocket.
type Conn struct {
	net.Conn
	r  *bufio.Reader
	tb testing.TB
}

// Frame is a received WebSocket frame.
type Frame struct {
	First   byte // FIN, RSV and opcode
	Payload []byte
}

// Opcode is the frame's opcode.
func (f Frame) Opcode() byte { return f.First & 0x0f }

func (f Frame) String() string {
	if f.Opcode() == OpClose && len(f.Payload) >= 2 {
		return fmt.Sprintf("close %d %q", binary.BigEndian.Uint16(f.Payload), f.Payload[2:])
	}
	return fmt.Sprintf("frame %x %q", f.First, f.Payload)
}

// DialTCP connects to addr. The connection is closed with the test.
func DialTCP(tb testing.TB, addr string) *Conn {
	tb.Helper()
	c, err := net.DialTimeout("tcp", addr, Timeout)
	if err != nil {
		tb.Fatal(err)
	}
	return NewConn(tb, c)
}

// NewConn makes a Conn of c, which is closed with the test.
func NewConn(tb testing.TB, c net.Conn) *Conn {
	tb.Cleanup(func() { c.Close() })
	return &Conn{c, bufio.NewReader(c), tb}
}

// UpgradeRequest is the head of a WebSocket handshake for target; the extra
// strings are header names and values in turn.
func UpgradeRequest(target string, header ...string) string {
	key := make([]byte, 16)
	rand.Read(key)
	s := "GET " + target + " HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(key) + "\r\n"
	for i := 0; i+1 < len(header); i += 2 {
		s += header[i] + ": " + header[i+1] + "\r\n"
	}
	return s + "\r\n"
}

// Dial opens a WebSocket.
func Dial(tb testing.TB, addr, target string, header ...string) *Conn {
	tb.Helper()
	c := DialTCP(tb, addr)
	c.Upgrade(target, header...)
	return c
}

// Upgrade makes a WebSocket of the connection.
func (c *Conn) Upgrade(target string, header ...string) {
	c.tb.Helper()
	if err := c.TryUpgrade(target, header...); err != nil {
		c.tb.Fatal(err)
	}
}

// TryUpgrade is [Conn.Upgrade] for handshakes that may fail, and for other
// goroutines.
func (c *Conn) TryUpgrade(target string, header ...string) error {
	if _, err := io.WriteString(c, UpgradeRequest(target, header...)); err != nil {
		return err
	}
	r, err := c.readResponse()
	if err == nil && r.Status != http.StatusSwitchingProtocols {
		err = fmt.Errorf("upgrade of %s: %d %s", target, r.Status, r.Body)
	}
	return err
}

// WriteString writes raw bytes.
func (c *Conn) WriteString(s string) {
	c.tb.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		c.tb.Fatal(err)
	}
}

// ReadResponse reads one HTTP response.
func (c *Conn) ReadResponse() Response {
	c.tb.Helper()
	r, err := c.readResponse()
	if err != nil {
		c.tb.Fatal(err)
	}
	return r
}

func (c *Conn) readResponse() (Response, error) {
	c.SetReadDeadline(time.Now().Add(Timeout))
	r, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return Response{}, err
	}
	var body []byte
	if r.StatusCode != http.StatusSwitchingProtocols {
		body, err = io.ReadAll(r.Body)
	}
	return Response{r.StatusCode, r.Header, string(body)}, err
}

// AppendFrame appends a masked frame with the given first byte.
func AppendFrame(dst []byte, first byte, payload []byte) []byte {
	dst = append(dst, first)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n <= 0xffff:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	var mask [4]byte
	rand.Read(mask[:])
	dst = append(dst, mask[:]...)
	for i, b := range payload {
		dst = append(dst, b^mask[i&3])
	}
	return dst
}

// AppendText appends each of messages as a masked text frame.
func AppendText(dst []byte, messages ...string) []byte {
	for _, m := range messages {
		dst = AppendFrame(dst, 0x80|OpText, []byte(m))
	}
	return dst
}

// WriteFrame writes a masked frame with the given first byte.
func (c *Conn) WriteFrame(first byte, payload []byte) {
	c.tb.Helper()
	c.WriteString(string(AppendFrame(nil, first, payload)))
}

// Text writes each of messages as a text frame, all with one write.
func (c *Conn) Text(messages ...string) {
	c.tb.Helper()
	c.WriteString(string(AppendText(nil, messages...)))
}

// Binary writes b as a binary frame.
func (c *Conn) Binary(b []byte) {
	c.tb.Helper()
	c.WriteFrame(0x80|OpBinary, b)
}

// ReadFrame reads one frame; the error is io.EOF when the peer is gone.
func (c *Conn) ReadFrame() (Frame, error) {
	c.SetReadDeadline(time.Now().Add(Timeout))
	return ReadFrame(c.r)
}

// ReadFrame reads one frame of a server from r. The error is io.EOF only when
// nothing of a frame came, and io.ErrUnexpectedEOF when r ends within one.
func ReadFrame(r io.Reader) (Frame, error) {
	var head [10]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return Frame{}, err
	}
	if head[1]&0x80 != 0 {
		return Frame{}, errors.New("the server masked a frame")
	}
	n := uint64(head[1])
	switch n {
	case 126:
		if err := readRest(r, head[2:4]); err != nil {
			return Frame{}, err
		}
		n = uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		if err := readRest(r, head[2:10]); err != nil {
			return Frame{}, err
		}
		n = binary.BigEndian.Uint64(head[2:])
	}
	payload := make([]byte, n)
	return Frame{head[0], payload}, readRest(r, payload)
}

// readRest fills b with what must follow.
func readRest(r io.Reader, b []byte) error {
	_, err := io.ReadFull(r, b)
	if err == io.EOF && len(b) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// Frames are the frames in b, which a server sent on a connection in memory.
// The response to the handshake may precede them. The last must be complete.
func Frames(tb testing.TB, b []byte) (list []Frame) {
	tb.Helper()
	if bytes.HasPrefix(b, []byte("HTTP/")) {
		_, b, _ = bytes.Cut(b, []byte("\r\n\r\n"))
	}
	for r := bytes.NewReader(b); r.Len() > 0; {
		f, err := ReadFrame(r)
		if err != nil {
			tb.Fatalf("%d frames, then: %v", len(list), err)
		}
		list = append(list, f)
	}
	return list
}

// Next reads one frame and fails the test when there is none.
func (c *Conn) Next() Frame {
	c.tb.Helper()
	f, err := c.ReadFrame()
	if err != nil {
		c.tb.Fatalf("no frame: %v", err)
	}
	return f
}

// Expect reads as many text frames as messages and compares them.
func (c *Conn) Expect(messages ...string) {
	c.tb.Helper()
	for _, want := range messages {
		if f := c.Next(); f.First != 0x80|OpText || string(f.Payload) != want {
			c.tb.Fatalf("got %v, want text %q", f, want)
		}
	}
}

// ExpectClose reads a close frame with the given status, 0 for none, answers it
// and expects the end of the connection.
func (c *Conn) ExpectClose(status uint16) {
	c.tb.Helper()
	f := c.Next()
	var got uint16
	if len(f.Payload) >= 2 {
		got = binary.BigEndian.Uint16(f.Payload)
	}
	if f.Opcode() != OpClose || got != status {
		c.tb.Fatalf("got %v, want close %d", f, status)
	}
	c.Write(AppendFrame(nil, 0x80|OpClose, f.Payload)) // the peer may be gone already
	c.ExpectEOF()
}

// ExpectEOF expects that the peer ends the connection without another byte.
func (c *Conn) ExpectEOF() {
	c.tb.Helper()
	c.SetReadDeadline(time.Now().Add(Timeout))
	b, err := c.r.ReadByte()
	var timeout net.Error
	if err == nil || errors.As(err, &timeout) && timeout.Timeout() {
		c.tb.Fatalf("the connection lives on: byte %#x, %v", b, err)
	}
}
