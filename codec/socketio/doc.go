// Package socketio turns Socket.IO packets into bytes and back.
package socketio
