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

// foreignCall is a request that an http.Handler serves on a goroutine of its
// own. It travels from the loop to the goroutine and back, so that no field is
// shared between the two at a time.
type foreignCall struct {
	h       *httpConn
	turn    turn
	handler http.Handler
	request *http.Request
	cancel  context.CancelFunc
	answer  recorder
	aborts  bool // the handler wants the connection closed without an answer
}

// callForeign serves req by handler.
func (h *httpConn) callForeign(handler http.Handler, req *http1.Request) {
	if d := h.home.srv.cfg.DestroyUpgradeTimeout; d > 0 && h.isUpgrade(req) {
		h.refuseForeign(d)
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
	h.readBody(req, &foreignCall{h: h, handler: handler, request: request, cancel: cancel})
}

// refuseForeign answers an upgrade that nothing here serves: there is no such thing
// as its target, whatever the protocol. The peer has d to take the answer.
func (h *httpConn) refuseForeign(d time.Duration) {
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
		RemoteAddr:    h.c.RemoteAddr().String(),
		RequestURI:    string(req.Target),
		ContentLength: req.ContentLength,
		Body:          http.NoBody,
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

func (call *foreignCall) complete(_ *httpConn, body []byte) {
	call.request.Body = io.NopCloser(bytes.NewReader(bytes.Clone(body)))
	call.request.ContentLength = int64(len(body))
	call.answer.header = make(http.Header)
	srv := call.h.home.srv
	srv.turns.start(&call.turn, func() {
		srv.hooks.run("an HTTP handler", call.run, call.ran, "target", call.request.RequestURI)
	})
}

func (call *foreignCall) refused(*httpConn, error) { call.cancel() }

func (call *foreignCall) aborted(h *httpConn) {
	call.cancel()
	h.home.srv.turns.withdraw(&call.turn)
}

// run calls the handler, on a goroutine.
func (call *foreignCall) run() { call.handler.ServeHTTP(&call.answer, call.request) }

// ran goes back to the loop, whichever way the handler ended.
func (call *foreignCall) ran(failure error) {
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

// Run sends the response, back on the loop, unless the connection is gone.
func (call *foreignCall) Run(*loop.Loop) {
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

// recorder is the http.ResponseWriter of a foreign call.
type recorder struct {
	header http.Header
	status int
	body   []byte
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= 200 {
		r.status = status
		r.header = r.header.Clone()
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	if !bodyAllowed(r.status) {
		return 0, http.ErrBodyNotAllowed
	}
	r.body = append(r.body, b...)
	return len(b), nil
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// appendTo appends the whole response.
func (r *recorder) appendTo(dst []byte, h *httpConn) []byte {
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	dst = http1.AppendStatusLine(dst, status)
	if len(r.body) > 0 && r.header.Get("Content-Type") == "" {
		dst = http1.AppendHeader(dst, "Content-Type", http.DetectContentType(r.body))
	}
	dst = http1.AppendHeader(dst, "Date", time.Now().UTC().Format(http.TimeFormat))
	for name, values := range r.header {
		switch name {
		case "Content-Length", "Connection", "Transfer-Encoding", "Date":
			continue
		}
		for _, value := range values {
			dst = http1.AppendHeader(dst, name, value)
		}
	}
	for _, f := range h.extra {
		dst = http1.AppendHeader(dst, f.Name, f.Value)
	}
	switch length := r.header.Get("Content-Length"); {
	case !bodyAllowed(status):
	case h.noBody && len(r.body) == 0: // what a GET would get is only known if the handler says it
		if length != "" {
			dst = http1.AppendHeader(dst, "Content-Length", length)
		}
	default:
		dst = http1.AppendLength(dst, len(r.body))
	}
	dst = http1.AppendConnection(dst, !h.last)
	dst = append(dst, "\r\n"...)
	if h.noBody {
		return dst
	}
	return append(dst, r.body...)
}
