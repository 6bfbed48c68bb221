//go:build linux

package attack

import (
	"bytes"
	"strings"
)

// filler is the content of messages that are never completed.
var filler = bytes.Repeat([]byte("x"), chunk)

// write sends n bytes of filler.
func (c *raw) write(n int) error {
	for n > 0 {
		wrote, err := c.Write(filler[:min(n, chunk)])
		if err != nil {
			return err
		}
		n -= wrote
		c.f.count("bytes", wrote)
	}
	return nil
}

// unfinished sends messages without their last byte. A third of the connections
// each sends frames, bodies of requests, and packets of ten attachments of
// which the last is not complete.
func unfinished(f *Field) {
	ways := []func(*raw) error{unfinishedFrame, unfinishedBody, unfinishedAttachments}
	f.onEachHeld(500, 0, func(c *raw) error {
		way := ways[f.next(len(ways))]
		if err := way(c); err != nil {
			return err
		}
		return c.hold()
	})
}

func unfinishedFrame(c *raw) error {
	if err := c.webSocket(false); err != nil {
		return err
	}
	if _, err := c.Write(appendHead(nil, final|opText, megabyte)); err != nil {
		return err
	}
	return c.write(megabyte - 1)
}

func unfinishedBody(c *raw) error {
	sid, err := c.polling("")
	if err != nil {
		return err
	}
	if _, err := c.Write([]byte(c.postHead(sid, megabyte) + "4")); err != nil {
		return err
	}
	return c.write(megabyte - 2)
}

func unfinishedAttachments(c *raw) error {
	const attachments = 10
	if err := c.webSocket(false); err != nil {
		return err
	}
	places := strings.Repeat(`,{"_placeholder":true,"num":0}`, attachments)
	if err := c.say(`4510-["x"` + places + `]`); err != nil {
		return err
	}
	for left := attachments; left > 0; left-- {
		if _, err := c.Write(appendHead(nil, final|opBinary, megabyte)); err != nil {
			return err
		}
		if left == 1 {
			break
		}
		if err := c.write(megabyte); err != nil {
			return err
		}
	}
	return c.write(megabyte - 1)
}
