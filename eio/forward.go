package eio

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/sioserver/sioserver/eio/internal/forward"
	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

// forwardCall is a request that another node serves. It travels from the loop
// to a goroutine and back, as a fallbackCall does.
type forwardCall struct {
	h      *httpConn
	node   uint32
	method string
	sent   []byte // the request as the node gets it
	head   []byte // a copy of the client's head, parsed again for a refusal
	ctx    context.Context
	cancel context.CancelFunc
	ask    func(*forwardCall, string) error // sends it to the address; runs on the goroutine

	answer *forward.Answer
	tunnel *forward.Tunnel
	err    error
}

// errNoNode reports a sid whose node the directory does not know.
var errNoNode = errors.New("eio: the session's node is not known")

// forward lets node serve req.
func (h *httpConn) forward(req *http1.Request, node uint32) {
	ctx, cancel := context.WithCancel(context.Background())
	call := &forwardCall{
		h:      h,
		node:   node,
		method: string(req.Method),
		head:   bytes.Clone(req.Head()),
		ctx:    ctx,
		cancel: cancel,
	}
	upgrade := h.isUpgrade(req)
	call.sent = appendForwarded(nil, req, upgrade, h.c.RemoteAddr().Addr().String(), h.encrypted(req))
	if !upgrade {
		call.ask = (*forwardCall).exchange
		h.readBody(req, call)
		return
	}
	if req.HasBody() {
		cancel()
		h.last = true
		h.respond(400, "", nil)
		return
	}
	call.ask = (*forwardCall).open
	call.sent = append(call.sent, "\r\n"...)
	h.exchange = call
	go call.serve()
}

func (call *forwardCall) complete(_ *httpConn, body []byte) {
	if len(body) > 0 || call.method != http.MethodGet && call.method != http.MethodHead {
		call.sent = http1.AppendLength(call.sent, len(body))
	}
	call.sent = append(append(call.sent, "\r\n"...), body...)
	go call.serve()
}

func (call *forwardCall) refused(*httpConn, error) { call.cancel() }

func (call *forwardCall) aborted(*httpConn) { call.cancel() }

// serve asks the node, on a goroutine.
func (call *forwardCall) serve() {
	f := call.h.home.srv.forwarder
	call.err = f.ask(call.ctx, call.node, func(addr string) error { return call.ask(call, addr) })
	call.cancel()
	if !call.h.home.loop.Post(call) {
		call.drop()
	}
}

// drop releases what the node has sent.
func (call *forwardCall) drop() {
	if call.tunnel != nil {
		call.tunnel.Close()
	}
	if call.answer != nil {
		call.answer.Release()
	}
}

func (call *forwardCall) exchange(addr string) (err error) {
	f := call.h.home.srv.forwarder
	timeout := f.answer
	if call.method == http.MethodGet {
		timeout = f.poll
	}
	if call.answer, err = f.client.Do(call.ctx, addr, call.method, call.sent, timeout); err == nil {
		f.requests.Add(1)
	}
	return err
}

func (call *forwardCall) open(addr string) (err error) {
	f := call.h.home.srv.forwarder
	if call.tunnel, err = f.client.Open(call.ctx, addr, call.sent); err == nil {
		f.tunnels.Add(1)
	}
	return err
}

// ask calls do with the node's address and counts the outcome.
func (f *forwarder) ask(ctx context.Context, node uint32, do func(addr string) error) error {
	var addr string
	var ok bool
	err := f.hooks.await("Directory.Lookup", func() { addr, ok = f.directory.Lookup(ctx, node) })
	if err == nil {
		err = errNoNode
		if ok {
			err = do(addr)
		}
	}
	switch {
	case err == nil:
	case ctx.Err() != nil:
		f.aborted.Add(1)
	case err == errNoNode:
		f.unknown.Add(1)
	case errors.Is(err, forward.ErrBusy), errors.Is(err, forward.ErrDescriptors):
		f.refused.Add(1)
	default:
		f.failed.Add(1)
	}
	return err
}

// Run answers the client, on the loop again, unless its connection is gone.
func (call *forwardCall) Run(*loop.Loop) {
	h := call.h
	switch {
	case h.exchange != exchange(call):
		call.drop()
	case call.err != nil:
		call.refuse()
	case call.tunnel != nil:
		if !h.c.Detach(h.pending(), call.carry) {
			call.tunnel.Close()
		}
		h.release()
	default:
		answer := recorder{header: call.answer.Header, status: call.answer.Status, body: call.answer.Body}
		f := loop.NewFrame()
		f.B = answer.appendTo(f.B, h)
		call.answer.Release()
		h.send(f)
	}
}

// carry runs the tunnel until it ends, on a goroutine.
func (call *forwardCall) carry(d loop.Detached) {
	if d.Err != nil {
		call.tunnel.Close()
		return
	}
	call.tunnel.Run(d.Conn, d.Unread, d.Unsent)
}

// refuse answers in place of the node.
func (call *forwardCall) refuse() {
	h := call.h
	h.exchange = nil
	req := &h.home.req
	req.Restore(call.head)
	r, name := refuseNode, "NODE_UNREACHABLE"
	switch {
	case errors.Is(call.err, errNoNode):
		r, name = refuseSession, ""
	case errors.Is(call.err, forward.ErrBusy), errors.Is(call.err, forward.ErrDescriptors):
		r, name = refuseOverloaded, "NODE_BUSY"
	}
	if h.home.srv.cfg.CORS == nil || !h.cors(req) {
		h.refuseAny(req, r, ErrorContext{Name: name, SID: parseQuery(req).sid, Err: call.err})
	}
}

// openTunnel opens a tunnel for a WebSocket that came through net/http and
// belongs to a session of another node. If it returns none the engine serves or
// refuses the request; refused reports that the engine must not forward it
// either.
func (srv *Server) openTunnel(r *http.Request) (tunnel *forward.Tunnel, refused bool) {
	sid, _ := http1.QueryValue([]byte(r.URL.RawQuery), "sid")
	node, ok := srv.elsewhere(string(sid))
	_, passedOn := r.Header[forwardedField]
	if passedOn || !ok || !srv.cfg.enabled(webSocket) || !srv.origins.admitsUpgrade(r.Header["Origin"]) {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(r.Context(), srv.cfg.RequestTimeout)
	defer cancel()
	head := appendForwardedFields(openHead(appendHead(nil, r, "Upgrade, close")), hostOf(r.RemoteAddr), srv.encryptedHTTP(r))
	head = append(head, "\r\n"...)
	f := srv.forwarder
	err := f.ask(ctx, node, func(addr string) (err error) {
		tunnel, err = f.client.Open(ctx, addr, head)
		return err
	})
	if err != nil {
		return nil, true
	}
	f.tunnels.Add(1)
	return tunnel, false
}
