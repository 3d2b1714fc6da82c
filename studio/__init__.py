"""The cutting room: transcripts, captions, pictures to film, sound and cuts, of finished videos."""
