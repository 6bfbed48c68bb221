package eio

import (
	"net/http"
	"time"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// recorder is an http.ResponseWriter that keeps the response.
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
	for _, f := range h.fields {
		dst = http1.AppendHeader(dst, f.Name, f.Value)
	}
	switch length := r.header.Get("Content-Length"); {
	case !bodyAllowed(status):
	case h.noBody && len(r.body) == 0: // only the handler knows the length of the answer to a GET
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
