package ops

import (
	"errors"
	"io"
	"net/http"

	"github.com/sioserver/sioserver/sio"
)

// maxPatterns is the size in bytes of the longest list of scopes.
const maxPatterns = 4 << 10

// routeLog adds /debug/log: GET returns which scopes of the log are on, PUT
// sets them to those in the body.
func routeLog(mux *http.ServeMux, scopes *sio.LogScopes) {
	mux.HandleFunc("GET /debug/log", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, scopes.String()+"\n")
	})
	mux.HandleFunc("PUT /debug/log", func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPatterns))
		if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
			answer(w, http.StatusRequestEntityTooLarge, "too long\n")
			return
		}
		if err == nil {
			err = scopes.Set(string(b))
		}
		if err != nil {
			answer(w, http.StatusBadRequest, err.Error()+"\n")
			return
		}
		answer(w, http.StatusOK, scopes.String()+"\n")
	})
}
