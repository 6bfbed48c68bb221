package eio

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// relay serves r over a pipe to the engine.
func (n *netHandler) relay(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // an error means that no deadline is supported, so none bounds the poll
	_ = control.SetWriteDeadline(time.Time{})
	mine, theirs := net.Pipe()
	defer mine.Close()
	if err := n.adopt(theirs, r, appendHead(nil, r, ""), nil); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	stop := context.AfterFunc(r.Context(), func() { mine.Close() })
	defer stop()
	if r.Method == http.MethodGet {
		defer n.srv.endWithFront(r)()
	}
	sent := make(chan struct{})
	defer func() {
		mine.Close()
		<-sent
	}()
	go func() {
		defer close(sent)
		if err := copyBody(mine, r); err != nil {
			mine.Close() // the engine sees the request end in the middle
		}
	}()
	response, err := http.ReadResponse(bufio.NewReader(mine), r)
	if err != nil {
		_ = control.SetReadDeadline(time.Now())
		panic(http.ErrAbortHandler) // the engine dropped the connection, so net/http drops it too
	}
	defer response.Body.Close()
	if response.Close { // the engine ignores the rest of the body: stop reading it
		if r.ProtoMajor == 1 {
			w.Header().Set("Connection", "close")
		}
		_ = control.SetReadDeadline(time.Now())
	}
	for name, values := range response.Header {
		switch name {
		case "Connection":
		case "Set-Cookie", "Vary": // each handler adds its own
			w.Header()[name] = append(w.Header()[name], values...)
		default:
			w.Header()[name] = values
		}
	}
	w.WriteHeader(response.StatusCode)
	limit := n.answerTime(r)
	stuck := time.AfterFunc(limit, func() { mine.Close() }) // Write may never return: close the pipe at least
	defer stuck.Stop()
	if err := writeAnswer(w, control, response, func() time.Time {
		stuck.Reset(limit)
		return time.Now().Add(limit)
	}); err != nil {
		panic(http.ErrAbortHandler) // the peer does not read: close the connection
	}
	_ = control.SetWriteDeadline(time.Time{}) // it must not apply to the connection's next request
}

// answerTime returns how long each part of the answer to r may take.
func (n *netHandler) answerTime(r *http.Request) time.Duration {
	limit := n.srv.cfg.RequestTimeout
	if s, ok := r.Context().Value(http.ServerContextKey).(*http.Server); ok && s.WriteTimeout > 0 {
		limit = min(limit, s.WriteTimeout)
	}
	return limit
}

// writeAnswer writes the body of response in parts of 4 KiB; deadline returns
// each part's deadline.
func writeAnswer(w http.ResponseWriter, control *http.ResponseController, response *http.Response, deadline func() time.Time) error {
	const most = 4 << 10
	part := make([]byte, most)
	if l := response.ContentLength; l >= 0 && l < most {
		part = part[:l+1] // one byte more, so that one read also finds the body's end
	}
	for {
		k, end := response.Body.Read(part)
		_ = control.SetWriteDeadline(deadline())
		if k > 0 {
			if _, err := w.Write(part[:k]); err != nil {
				return err
			}
		}
		if end == io.EOF {
			break
		}
		if end != nil {
			return end
		}
	}
	if err := control.Flush(); !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// copyBody writes the body of r in the framing that appendHead has announced.
func copyBody(w io.Writer, r *http.Request) error {
	if r.ContentLength >= 0 {
		_, err := io.Copy(w, r.Body)
		return err
	}
	chunk := make([]byte, 4096)
	for {
		k, err := r.Body.Read(chunk)
		if k > 0 {
			if _, err := w.Write(http1.AppendChunk(nil, chunk[:k])); err != nil {
				return err
			}
		}
		switch err {
		case nil:
		case io.EOF:
			_, err = io.WriteString(w, http1.LastChunk)
			return err
		default:
			return err
		}
	}
}
