"""The desk's pages."""

from django.urls import path

from backoffice.desk import views

urlpatterns = [
    path("customers", views.customers),
    path("customers/<int:key>", views.customer),
]
