package clientbundle

import (
	"io/fs"
	"net/http"
	"path"
	"strconv"

	"github.com/sioserver/sioserver/eio"
)

// missing is the body of the answer when the bundle is not there; it is read
// by the person who looks at the browser's console.
const missing = "The Socket.IO client bundle is not part of this server.\n" +
	"Set Config.Client to a file system that holds socket.io.js (the folder dist of the npm package socket.io-client).\n" +
	"For the program sioserver run `make client` in its source and build it again.\n"

// Handler serves the files of one client bundle. It is immutable after New
// and safe for concurrent use.
type Handler struct {
	etag  string
	files map[string]*file
}

// New makes a Handler for the bundle in the root folder of fsys, which must
// not change while the Handler is in use. A nil or empty fsys is allowed:
// every request is then answered with 404 and a text that says what to do.
func New(fsys fs.FS) *Handler {
	h := &Handler{files: make(map[string]*file, 2*len(names))}
	if fsys == nil {
		return h
	}
	for _, name := range Names() {
		if info, err := fs.Stat(fsys, name); err == nil && info.Mode().IsRegular() {
			h.files[name] = &file{fsys: fsys, name: name}
		}
	}
	if v := version(fsys); v != "" {
		h.etag = `"` + v + `"`
	}
	return h
}

// Present reports whether the bundle's main file is there.
func (h *Handler) Present() bool { return h.files[names[0]] != nil }

// ServeHTTP answers with the file named by the last element of the URL's
// path, whatever the method; only HEAD gets no body. The entity tag is the
// bundle's version, the same for all files, and If-None-Match is compared
// with it as a whole: lists and "*" are not understood, as in the reference.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := h.files[path.Base(r.URL.Path)]
	if f == nil {
		http.Error(w, missing, http.StatusNotFound)
		return
	}
	w.Header().Set("Vary", "Accept-Encoding")
	if h.fresh(r.Header.Get("If-None-Match")) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	encoding := eio.ContentCoding(r.Header.Get("Accept-Encoding"), br, gz, deflate)
	body, err := f.encoded(encoding)
	if err != nil {
		http.Error(w, "the client bundle cannot be read: "+err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "public, max-age=0")
	header.Set("Content-Type", contentType(f.name))
	if h.etag != "" {
		header.Set("ETag", h.etag)
	}
	if encoding != identity {
		header.Set("Content-Encoding", encoding)
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the peer is gone when this fails
	}
}

// fresh reports whether the client's copy, named by the If-None-Match header,
// is this bundle's.
func (h *Handler) fresh(match string) bool {
	return h.etag != "" && (match == h.etag || match == "W/"+h.etag)
}
