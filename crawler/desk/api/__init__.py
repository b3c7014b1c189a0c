"""The API of the desk: `GET /api/v1/…`, JSON for programs. It only reads.

door.py has what every request must pass, app.py the application, endpoints.py the questions, parameters.py what may be asked,
shapes.py what is answered, problems.py what is said when it cannot be.
"""
