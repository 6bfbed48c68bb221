package eio

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/sioserver/sioserver/eio/internal/http1"
	"github.com/sioserver/sioserver/loop"
)

// fallbackCall is a request that an http.Handler, Config.Fallback or one of
// Config.Static, serves on a goroutine of its own. The call travels from the
// loop to the goroutine and back, so the two never share a field.
type fallbackCall struct {
	h       *httpConn
	slot    callbackSlot
	handler http.Handler
	request *http.Request
	cancel  context.CancelFunc
	answer  recorder
	aborts  bool // the handler ended with http.ErrAbortHandler: no answer, the connection is closed
}

// callFallback serves req by handler.
func (h *httpConn) callFallback(handler http.Handler, req *http1.Request) {
	if d := h.home.srv.cfg.DestroyUpgradeTimeout; d > 0 && h.isUpgrade(req) {
		h.refuseUpgrade(d)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	request, err := h.httpRequest(ctx, req)
	if err != nil {
		cancel()
		h.last = h.last || req.HasBody()
		h.respond(400, "", nil)
		return
	}
	h.readBody(req, &fallbackCall{h: h, handler: handler, request: request, cancel: cancel})
}

// refuseUpgrade answers an upgrade outside of Config.Path with status 404. The
// peer has d to take the answer.
func (h *httpConn) refuseUpgrade(d time.Duration) {
	h.last = true
	h.c.Send(h.compose(http.StatusNotFound, textPlain, []byte("404 page not found\n")))
	h.phase = httpGone
	h.c.CloseAfterFlush(d)
}

// httpRequest makes a net/http request of req, without its body.
func (h *httpConn) httpRequest(ctx context.Context, req *http1.Request) (*http.Request, error) {
	u, err := url.ParseRequestURI(string(req.Target))
	if err != nil {
		return nil, err
	}
	r := &http.Request{
		Method:        string(req.Method),
		URL:           u,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    int(req.Minor),
		Header:        make(http.Header),
		Host:          string(req.Host),
		RemoteAddr:    h.remoteAddr(req).String(),
		RequestURI:    string(req.Target),
		ContentLength: req.ContentLength,
		Body:          http.NoBody,
		TLS:           h.c.TLS(),
	}
	if req.Minor == 0 {
		r.Proto = "HTTP/1.0"
	}
	for name, value := range req.Headers() {
		r.Header.Add(string(name), string(value))
	}
	r.Header.Del("Host")
	return r.WithContext(ctx), nil
}

func (call *fallbackCall) complete(_ *httpConn, body []byte) {
	call.request.Body = io.NopCloser(bytes.NewReader(bytes.Clone(body)))
	call.request.ContentLength = int64(len(body))
	call.answer.header = make(http.Header)
	srv := call.h.home.srv
	srv.callbacks.start(&call.slot, func() {
		srv.hooks.run("an HTTP handler", call.run, call.ran, "path", call.request.URL.Path)
	})
}

func (call *fallbackCall) refused(*httpConn, error) { call.cancel() }

func (call *fallbackCall) aborted(h *httpConn) {
	call.cancel()
	h.home.srv.callbacks.withdraw(&call.slot)
}

// run calls the handler, on a goroutine.
func (call *fallbackCall) run() { call.handler.ServeHTTP(&call.answer, call.request) }

// ran returns to the loop, in whichever way the handler ended.
func (call *fallbackCall) ran(failure error) {
	switch failure {
	case nil:
	case http.ErrAbortHandler:
		call.aborts = true
	default:
		call.answer = recorder{header: make(http.Header), status: http.StatusInternalServerError}
	}
	call.cancel()
	call.h.home.loop.Post(call)
}

// Run sends the response, on the loop again, unless the connection is gone.
func (call *fallbackCall) Run(*loop.Loop) {
	h := call.h
	if h.exchange != exchange(call) {
		return
	}
	if call.aborts {
		h.destroy()
		return
	}
	f := loop.NewFrame()
	f.B = call.answer.appendTo(f.B, h)
	h.send(f)
}
