package sio

import (
	"math"

	"github.com/sioserver/sioserver/codec/jsonenc"
	"github.com/sioserver/sioserver/codec/socketio"
)

// jsonCodec is the protocol's own form: packets are text, and binary values
// follow theirs as attachments, each in a binary message (protocol 5, "Packet
// encoding").
type jsonCodec struct{}

func (jsonCodec) binary() bool { return false }

func (jsonCodec) ours() bool { return true }

func (jsonCodec) receive(c *client, data []byte, binary bool) {
	if binary {
		c.receiveAttachment(data)
	} else {
		c.receiveText(data)
	}
}

// receiveText handles a text message: a packet, or the head of one that has
// attachments.
func (c *client) receiveText(data []byte) {
	if c.extra != nil && c.extra.binary.Pending() {
		c.invalid(socketio.ErrPlaintextInReconstruction)
		return
	}
	h, err := socketio.ParseHeader(data, c.srv.cfg.MaxAttachments)
	if err != nil {
		c.invalid(err)
		return
	}
	if h.Attachments > 0 {
		if !c.expects(h) {
			return
		}
		messages := 1 + h.Attachments
		most := int(min(c.srv.cfg.MaxHTTPBufferSize, int64(math.MaxInt/messages))) * messages
		if err := c.needExtra().binary.Start(h, most); err != nil {
			c.invalid(err)
			return
		}
		c.SetHeld(c.extra.binary.Held())
		return
	}
	c.dispatch(h, nil)
}

// receiveAttachment handles a binary message.
func (c *client) receiveAttachment(data []byte) {
	if c.extra == nil || !c.extra.binary.Pending() {
		c.invalid(socketio.ErrUnexpectedBinary)
		return
	}
	done, err := c.extra.binary.Add(data)
	switch {
	case err != nil:
		c.SetHeld(0)
		c.invalid(err)
	case done:
		h, attachments := c.extra.binary.Take()
		c.SetHeld(0)
		c.dispatch(h, attachments)
	default:
		c.SetHeld(c.extra.binary.Held())
	}
}

func (jsonCodec) splitEvent(data []byte, attachments [][]byte) (name []byte, args RawArgs, err error) {
	name, raw, err := socketio.SplitEvent(data)
	return name, RawArgs{raw: raw, attachments: attachments}, err
}

func (jsonCodec) splitAck(data []byte, attachments [][]byte) (RawArgs, error) {
	raw, err := socketio.SplitAck(data)
	return RawArgs{raw: raw, attachments: attachments}, err
}

func (jsonCodec) appendConnect(dst []byte, namespace, sid, pid string) []byte {
	return socketio.AppendConnect(dst, namespace, sid, pid)
}

func (jsonCodec) appendConnectError(dst []byte, namespace, message string, data []byte) []byte {
	return socketio.AppendConnectError(dst, namespace, message, data)
}

// appendConnect4 appends a packet without data: a client of protocol 4 makes
// the id of its socket itself.
func (jsonCodec) appendConnect4(dst []byte, namespace, _ string) []byte {
	return socketio.AppendHeader(dst, socketio.Header{Type: socketio.Connect, Namespace: []byte(namespace)})
}

// appendConnectError4 appends data alone if there is some, else the message.
func (jsonCodec) appendConnectError4(dst []byte, namespace, message string, data []byte) []byte {
	if data == nil || string(data) == "null" {
		data = jsonenc.AppendString(nil, message)
	}
	return socketio.AppendHeader(dst, socketio.Header{Type: socketio.ConnectError, Namespace: []byte(namespace), Data: data})
}

func (jsonCodec) appendDisconnect(dst []byte, namespace string) []byte {
	return socketio.AppendDisconnect(dst, namespace)
}

func (jsonCodec) appendEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args []any) ([]byte, [][]byte, error) {
	if holdRaw(args) {
		var err error
		if args, err = spread(args, takesJSON); err != nil {
			return dst, nil, err
		}
	}
	return socketio.AppendEvent(dst, namespace, id, wantsAck, event, args)
}

func (jsonCodec) appendAck(dst []byte, namespace string, id uint64, args []any) ([]byte, [][]byte, error) {
	if holdRaw(args) {
		var err error
		if args, err = spread(args, takesJSON); err != nil {
			return dst, nil, err
		}
	}
	return socketio.AppendAck(dst, namespace, id, args)
}

// copies is for JSON without placeholders.
func (jsonCodec) copies(args RawArgs) bool { return args.parsed == nil && len(args.attachments) == 0 }

func (jsonCodec) appendRawEvent(dst []byte, namespace string, id uint64, wantsAck bool, event string, args RawArgs) []byte {
	return socketio.AppendRawEvent(dst, namespace, id, wantsAck, event, args.raw)
}

func (jsonCodec) appendRawAck(dst []byte, namespace string, id uint64, args RawArgs) []byte {
	return socketio.AppendRawAck(dst, namespace, id, args.raw)
}

func (jsonCodec) replaceEmpty(packet []byte, text string) []byte {
	packet = append(packet[:len(packet)-len(`"]`)], text...)
	return append(packet, `"]`...)
}

func (jsonCodec) cutsEmpty() bool { return true }

func (jsonCodec) cutEmpty(packet []byte) []byte { return append(packet[:len(packet)-len(`,""]`)], ']') }
